"""The service that phones are given by texts: commands, sessions, notices, opt-out, limits.  Pure."""
