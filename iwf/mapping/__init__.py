"""The pure core: what a message means, where it goes and what its sender is told.

Nothing in this package knows a reactor, a clock, a random source, a database or a wire
format.  ``tests/test_architecture.py`` holds it to that.
"""
