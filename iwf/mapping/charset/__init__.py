"""Alphabets of short messages: octets of user data to text and back.  Documents: no wire, no policy."""
