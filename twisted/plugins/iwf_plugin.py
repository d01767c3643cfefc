"""Makes ``twistd iwf`` known to Twisted."""

from twisted.application.service import ServiceMaker

iwf = ServiceMaker("iwf", "iwf.tap", "Interworking daemon between XMPP, SIP/SIMPLE and SMS", "iwf")
