"""The XMPP edge: external components (XEP-0114)."""
