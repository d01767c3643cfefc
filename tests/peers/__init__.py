"""Drivers for real programs of others, which the gateway is tested and shown against."""
