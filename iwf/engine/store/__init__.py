"""Where rows are kept.  A store knows tables; it never knows why."""
