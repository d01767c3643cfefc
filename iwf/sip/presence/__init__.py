"""Presence over SIP: event notification (RFC 6665, RFC 3856) and publication (RFC 3903)."""
