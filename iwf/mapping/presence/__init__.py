"""Presence: grants, legs and documents, for watchers and presentities of any world.  Pure."""
