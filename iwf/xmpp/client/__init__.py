"""Logged in as a user: client sessions for subscribers of phones who have accounts of their own."""
