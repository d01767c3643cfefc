"""The syntax of SIP: octets to values and back.  Pure."""
