"""Presence as XMPP has it: subscriptions, probes, resources, personal events, and the gateway's own."""
