"""Where the server of an account is (RFC 6120 3.2, XEP-0368)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from iwf.ids import Ids
from iwf.records import Answer, Question, Srv
from iwf.xmpp.client.dialing import Dialer, DialFault
from iwf.xmpp.settings import AccountsSettings, Place


@implementer(IStreamClientEndpoint)
class Endpoint:
    """One place; refuses unless it is open."""

    def __init__(self, case: DialerTests, host: str, port: int) -> None:
        self.case, self.host, self.port = case, host, port

    def connect(self, factory: Any) -> Deferred[Any]:
        self.case.tried.append((self.host, self.port))
        if (self.host, self.port) in self.case.open:
            return succeed(factory)
        return self.case.pending or fail(ConnectionRefusedError())


class DialerTests(SynchronousTestCase):
    """Connections for joe@a.com."""

    def setUp(self) -> None:
        self.tried: list[tuple[str, int]] = []
        self.open: set[tuple[str, int]] = set()
        self.records: dict[str, tuple[Srv, ...]] = {}
        self.pending: Deferred[Any] | None = None

    def ask(self, question: Question) -> Deferred[Answer]:
        return succeed(Answer(self.records.get(question.name, ())))

    def dial(self, **settings: Any) -> Deferred[Any]:
        names: Any = self
        dialer = Dialer(None, names, AccountsSettings(**settings), Ids(seed=2), lambda h, p: Endpoint(self, h, p))
        return dialer.connect("a.com", lambda tls: "plain" if tls is None else "starttls")

    def srv(self, service: str, *records: tuple[int, int, str, int]) -> None:
        name = f"{service}._tcp.a.com"
        self.records[name] = tuple(Srv(name, priority, weight, port, target)
                                   for priority, weight, target, port in records)

    def test_by_priority(self) -> None:
        """The servers of the lowest number first; those that refuse are passed over (RFC 2782)."""
        self.srv("_xmpp-client", (20, 0, "c.a.com", 5222), (10, 0, "b.a.com", 5222))
        self.open.add(("c.a.com", 5222))
        self.assertEqual(self.successResultOf(self.dial()), "starttls")
        self.assertEqual(self.tried, [("b.a.com", 5222), ("c.a.com", 5222)])

    def test_no_records(self) -> None:
        """Without records the domain itself, at port 5222."""
        self.open.add(("a.com", 5222))
        self.assertEqual(self.successResultOf(self.dial()), "starttls")

    def test_not_there(self) -> None:
        """A target of "." says that there are no accounts, and the domain itself is not tried."""
        self.srv("_xmpp-client", (0, 0, "", 0))
        self.failureResultOf(self.dial(), DialFault)
        self.assertEqual(self.tried, [])

    def test_tls_at_once(self) -> None:
        """Both kinds of records are one list (XEP-0368)."""
        self.srv("_xmpp-client", (10, 0, "b.a.com", 5222))
        self.srv("_xmpps-client", (5, 0, "t.a.com", 443))
        self.failureResultOf(self.dial(), DialFault)
        self.assertEqual(self.tried, [("t.a.com", 443), ("b.a.com", 5222)])

    def test_configured(self) -> None:
        """What the operator has written is taken as it is; plain is plain, and only where it is written."""
        self.open.add(("127.0.0.1", 7))
        self.srv("_xmpp-client", (10, 0, "b.a.com", 5222))
        places = (("a.com", Place("plain", "127.0.0.1", 7)),)
        self.assertEqual(self.successResultOf(self.dial(places=places)), "plain")

    def test_given_up(self) -> None:
        """Given up while it is tried: nothing else is tried."""
        self.srv("_xmpp-client", (10, 0, "b.a.com", 5222), (20, 0, "c.a.com", 5222))
        self.pending = Deferred()
        dialing = self.dial()
        dialing.cancel()
        self.assertIsNotNone(self.failureResultOf(dialing))
        self.assertEqual(len(self.tried), 1)

    def test_authorities(self) -> None:
        """A list of authorities that cannot be read leaves nobody to be trusted."""
        self.open.add(("a.com", 5222))
        self.failureResultOf(self.dial(ca="/nonexistent"), DialFault)
        self.assertEqual(self.tried, [])
