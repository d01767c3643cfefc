"""Commands that users and administrators give to a component (XEP-0050, XMPP-33)."""
