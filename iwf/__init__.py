"""iwf: an interworking daemon that joins XMPP, SIP/SIMPLE and SMS, any to any."""

__version__ = "0.1.0"
