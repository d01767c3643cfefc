"""The engine: takes events in, runs turns, keeps state, lets things out after the commit."""
