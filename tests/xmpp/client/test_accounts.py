"""Who is logged in: enrolled, kept, logged in again, withdrawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.mapping.model import (
    TEL,
    XMPP,
    Address,
    Enrolled,
    Event,
    Failure,
    Reason,
    Refused,
    Remember,
    Taken,
    Verdict,
    Withdrawn,
)
from iwf.xmpp.client.accounts import MEMORY, Accounts
from iwf.xmpp.client.session import WINDOW
from iwf.xmpp.settings import AccountsSettings
from tests.xmpp.client.server import Server
from tests.xmpp.client.test_session import Lane

KEY, OTHER_KEY = bytes(32), bytes(range(32))
PHONE, JOE, BY = "+491701234567", "joe@a.com", "xmpp:sms.xmpp.example"
LANE = f"xmpp-client:{JOE}"


class Core:
    """Remembers what it is told to."""

    def __init__(self, clock: Clock) -> None:
        self.events: list[Event] = []
        self.texts: dict[str, str] = {}
        self.verdict: Callable[[Event], Verdict] = lambda event: Taken("")
        self.lanes: dict[str, Lane] = {}
        self.clock, self.delay = clock, 0.0

    def offer(self, event: Event) -> Deferred[Verdict]:
        self.events.append(event)
        verdict = self.verdict(event)
        if isinstance(event, Remember) and verdict == Taken(""):
            self.texts.pop(event.key, None)
            if event.text:
                self.texts[event.key] = event.text
        return deferLater(self.clock, self.delay, lambda: verdict) if self.delay else succeed(verdict)

    def recall(self, edge: str) -> list[tuple[str, str]]:
        assert edge == MEMORY
        return list(self.texts.items())

    def attach(self, name: str, outlet: Any, keeps_order: bool) -> Lane:
        return self.lanes.setdefault(name, Lane())


class AccountsTests(SynchronousTestCase):
    """Joe."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.core = Core(self.clock)
        self.server = Server(self.clock)
        self.accounts = self.daemon()

    def daemon(self, *keys: bytes) -> Accounts:
        core: Any = self.core
        server: Any = self.server
        settings = AccountsSettings(keys or (KEY,))
        accounts = Accounts(settings, "1", server, self.clock, core, core, Ids(seed=4), core)
        accounts.start()
        self.server.settle()
        return accounts

    def enrol(self, number: str = PHONE, jid: str = JOE, password: str = "pencil") -> list[Failure | None]:
        told: list[Failure | None] = []
        self.accounts.enrol(number, jid, password, BY).addCallback(told.append)
        self.server.settle(3)
        return told

    def reason(self, told: list[Failure | None]) -> Reason:
        failure, = told
        assert failure is not None
        return failure.reason

    def test_enrolled(self) -> None:
        """After the login the password is kept sealed, the core told, and texts flow."""
        self.assertEqual(self.enrol(jid=" Joe@A.com/desk "), [None])
        self.assertEqual(self.core.lanes[LANE].credit, WINDOW)
        self.assertEqual(self.accounts.account_of(PHONE), JOE)
        self.assertEqual([type(event) for event in self.core.events], [Remember, Enrolled])
        self.assertEqual(self.core.events[1], Enrolled(Address(TEL, PHONE), Address(XMPP, "joe", "a.com"), LANE, BY))
        self.assertNotIn("pencil", "".join(self.core.texts.values()))

    def test_not_enrolled(self) -> None:
        """With a wrong password, a JID that is none, or without a key nothing is kept, and nobody logs in again."""
        self.assertEqual(self.reason(self.enrol(password="pen")), Reason.NOT_AUTHENTICATED)
        for jid in ("joe", "a.com", "", "joe@", "@a.com"):
            self.assertEqual(self.reason(self.enrol(jid=jid)), Reason.MALFORMED_ADDRESS, jid)
        dials = self.server.dials
        self.server.settle(10_000)
        self.assertEqual((self.core.events, self.server.dials), ([], dials))
        core: Any = self.core
        server: Any = self.server
        self.accounts = Accounts(AccountsSettings(), "1", server, self.clock, core, core, Ids(seed=1), core)
        self.assertFalse(self.accounts.is_offered)
        self.assertEqual(self.reason(self.enrol()), Reason.NOT_SUPPORTED)

    def test_domains(self) -> None:
        """Accounts of domains that the operator does not want are not even tried."""
        core: Any = self.core
        server: Any = self.server
        for domains, ours in ((("a.com",), True), (("*.com",), True), (("*.a.com",), False),
                              (("com", "aa.com"), False)):
            dials = self.server.dials
            settings = AccountsSettings((KEY,), domains)
            self.accounts = Accounts(settings, "1", server, self.clock, core, core, Ids(seed=1), core)
            told = self.enrol()
            self.assertEqual((told == [None], self.server.dials > dials), (ours, ours), domains)

    def test_two_phones(self) -> None:
        """An account is one phone's."""
        self.enrol()
        self.assertEqual(self.reason(self.enrol("+4930111111")), Reason.CONFLICT)

    def test_started_while_the_disk_is_full(self) -> None:
        """Trouble of ours at the start keeps nobody logged out for good."""
        self.enrol()
        self.accounts.stop()
        full = Refused(Failure(Reason.INTERNAL, permanent=False))
        self.core.verdict = lambda event: full
        self.core.lanes.clear()
        self.accounts = self.daemon()
        self.server.settle(100)
        self.assertEqual((self.core.lanes, self.accounts.account_of(PHONE)), ({}, JOE))
        self.core.verdict = lambda event: Taken("")
        self.server.settle(100)
        self.assertEqual(self.core.lanes[LANE].credit, WINDOW)

    def test_withdrawn_before_the_next_try(self) -> None:
        """Who is withdrawn meanwhile is not logged in by a try that was still to come."""
        self.enrol()
        self.accounts.stop()
        self.core.verdict = lambda event: (Refused(Failure(Reason.INTERNAL, permanent=False))
                                           if isinstance(event, Enrolled) else Taken(""))
        self.core.lanes.clear()
        self.accounts = self.daemon()
        self.accounts.withdraw(PHONE)
        self.core.verdict = lambda event: Taken("")
        self.server.settle(100)
        self.assertEqual((self.core.lanes, self.accounts.account_of(PHONE)), ({}, ""))

    def test_stopped_while_the_disk_is_full(self) -> None:
        """Nobody tries on after the stop."""
        self.enrol()
        self.accounts.stop()
        self.core.verdict = lambda event: Refused(Failure(Reason.INTERNAL, permanent=False))
        self.accounts = self.daemon()
        self.accounts.stop()
        self.core.events.clear()
        self.server.settle(100)
        self.assertEqual(self.core.events, [])

    def test_not_withdrawn(self) -> None:
        """Who cannot be withdrawn since nothing can be written is told so, and can ask again."""
        self.enrol()
        full = Refused(Failure(Reason.INTERNAL, permanent=False))
        told: list[Failure | None] = []
        for refused in (Withdrawn, Remember):
            self.core.verdict = lambda event, kind=refused: full if isinstance(event, kind) else Taken("")
            self.accounts.withdraw(PHONE).addCallback(told.append)
            self.server.settle()
        self.assertEqual((told, self.accounts.account_of(PHONE)), ([full.failure] * 2, JOE))
        self.core.verdict = lambda event: Taken("")
        self.accounts.withdraw(PHONE).addCallback(told.append)
        self.server.settle()
        self.assertEqual((told[2], self.core.texts, self.accounts.account_of(PHONE)), (None, {}, ""))

    def test_two_at_once(self) -> None:
        """Of two accounts that a phone asks for at the same time the last one stays logged in, and no other."""
        self.core.delay = 10.0
        told: list[Failure | None] = []
        for jid in (JOE, "jim@a.com"):
            self.accounts.enrol(PHONE, jid, "pencil", BY).addCallback(told.append)
            self.server.settle()
        for _ in range(6):
            self.server.settle(10)
        self.assertEqual((told, self.accounts.account_of(PHONE)), ([None, None], "jim@a.com"))
        open_lanes = [name for name, lane in self.core.lanes.items() if lane.credit]
        self.assertEqual(open_lanes, ["xmpp-client:jim@a.com"])

    def test_refused_by_the_core(self) -> None:
        """What the core refuses is undone: logged out, and nothing kept."""
        conflict = Refused(Failure(Reason.CONFLICT))
        self.core.verdict = lambda event: conflict if isinstance(event, Enrolled) else Taken("")
        self.assertEqual(self.reason(self.enrol()), Reason.CONFLICT)
        self.assertEqual((self.core.texts, self.accounts.account_of(PHONE)), ({}, ""))
        self.assertIn("end", self.server.heard)

    def test_after_a_restart(self) -> None:
        """The next daemon logs in by itself, after it has told the core once more."""
        self.enrol()
        self.accounts.stop()
        self.server.settle(3)
        del self.core.events[:]
        self.core.lanes.clear()
        self.accounts = self.daemon()
        self.assertEqual([type(event) for event in self.core.events], [Enrolled])
        self.assertEqual(self.core.lanes[LANE].credit, WINDOW)

    def test_new_key(self) -> None:
        """A new key on top of the old one logs in as before; without the old one he stays logged out, and is
        not forgotten."""
        self.enrol()
        kept = dict(self.core.texts)
        dials = self.server.dials
        self.daemon(OTHER_KEY)
        self.assertEqual((self.server.dials, self.core.texts), (dials, kept))
        self.daemon(OTHER_KEY, KEY)
        self.assertEqual(self.server.dials, dials + 1)

    def test_moved_to_another(self) -> None:
        """Who can write to the database cannot give a password to another phone or another account."""
        self.enrol()
        text = json.loads(self.core.texts[PHONE])
        dials = self.server.dials
        for number, jid in (("+4930111111", JOE), (PHONE, "eve@a.com")):
            self.core.texts = {number: json.dumps({**text, "jid": jid})}
            self.daemon()
        for odd in ("", "[]", "{}", "1", '{"jid": 1, "by": 2, "sealed": 3}', "not json"):
            self.core.texts = {PHONE: odd}
            self.daemon()
        self.assertEqual(self.server.dials, dials)

    def test_withdrawn(self) -> None:
        """Logged out, forgotten by the core, and the password is gone; twice is once too often."""
        self.enrol()
        told: list[Failure | None] = []
        for _ in range(2):
            self.accounts.withdraw(PHONE).addCallback(told.append)
            self.server.settle(3)
        self.assertEqual((told[0], self.core.texts, self.core.lanes[LANE].credit), (None, {}, 0))
        self.assertIn(Withdrawn(Address(TEL, PHONE)), self.core.events)
        self.assertEqual(self.reason(told[1:]), Reason.UNKNOWN_RECIPIENT)

    def test_again(self) -> None:
        """Enrolled once more, with a new password or a new JID: the old session ends."""
        self.enrol()
        self.server.password = "new"
        self.assertEqual(self.enrol(password="new"), [None])
        self.assertEqual((self.accounts.account_of(PHONE), self.core.lanes[LANE].credit), (JOE, WINDOW))
        self.assertEqual(self.enrol(jid="joseph@a.com", password="new"), [None])
        self.assertEqual(self.accounts.account_of(PHONE), "joseph@a.com")
        self.assertEqual(self.core.lanes[LANE].credit, 0)
