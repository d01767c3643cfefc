"""Tests of the service for phones."""
