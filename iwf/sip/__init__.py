"""The SIP edge: a SIP element (RFC 3261) that takes and sends MESSAGE (RFC 3428)."""
