"""Route sets and what they make of a request (RFC 3261 8.1.2, 12.2.1.1, 16.4; SIP-50, SIP-71)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.messaging.author import write
from iwf.sip.settings import Hop, Target
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Request
from iwf.sip.syntax.routes import request_uri_and_routes
from iwf.sip.transport.routing import outbound_route
from tests.sip.samples import SETTINGS, TRUNK, VIA, item

TARGET = "sip:ana@192.0.2.30:5062"


class RouteSetTests(SynchronousTestCase):
    """Request-URI and Route lines by a route set."""

    def test_loose(self) -> None:
        """With loose routers, or none, the Request-URI is the target and the route set stands as it is."""
        self.assertEqual(request_uri_and_routes(TARGET, ()), (TARGET, ()))
        routes = ("sip:p1.example;lr", "sip:p2.example")
        self.assertEqual(request_uri_and_routes(TARGET, routes), (TARGET, routes))

    def test_strict(self) -> None:
        """A strict router comes first into the Request-URI, and the target goes behind all others (SIP-71)."""
        routes = ("sip:p1.example", "sip:p2.example;lr")
        self.assertEqual(request_uri_and_routes(TARGET, routes), ("sip:p1.example", ("sip:p2.example;lr", TARGET)))
        self.assertEqual(request_uri_and_routes(TARGET, routes[:1]), ("sip:p1.example", (TARGET,)))

    def test_broken(self) -> None:
        """A route set whose first entry is no URI is an error of its sender."""
        self.assertRaises(SipSyntaxError, request_uri_and_routes, TARGET, ("nonsense",))


class OutboundRouteTests(SynchronousTestCase):
    """The proxy of a trunk in a Route (SIP-50)."""

    def test_spelling(self) -> None:
        """Host, port and transport as configured, always loose."""
        for hop, expected in (
            (Hop("udp", "192.0.2.10", 5060), "<sip:192.0.2.10:5060;lr>"),
            (Hop("tcp", "2001:db8::1", 5070), "<sip:[2001:db8::1]:5070;transport=tcp;lr>"),
            (Target("proxy.example"), "<sip:proxy.example;lr>"),
            (Target("proxy.example", None, "tls"), "<sip:proxy.example;transport=tls;lr>"),
        ):
            self.assertEqual(outbound_route(evolve(TRUNK, next_hop=hop, loose_route=True)), (expected,))

    def test_switch(self) -> None:
        """Only where it is wanted, and where there is a proxy."""
        self.assertEqual(outbound_route(TRUNK), ())
        self.assertEqual(outbound_route(evolve(TRUNK, next_hop=None, loose_route=True)), ())

    def test_request(self) -> None:
        """A MESSAGE names the proxy in its Route; its Request-URI stays the recipient."""
        written = write(item(), evolve(TRUNK, loose_route=True), SETTINGS, VIA)
        assert isinstance(written, Request)
        self.assertEqual((written.target, written.all("Route")), ("sip:ana@sip.example", ["<sip:192.0.2.10:5060;lr>"]))
