"""Texts in user data: which alphabet, how split, under which header; and back."""
