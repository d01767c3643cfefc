"""Sockets, connections, and the way to the next hop."""
