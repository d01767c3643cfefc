"""The simulator: phones, and being one of them over HTTP."""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site

from iwf.ids import Ids
from iwf.mapping.model import Accepted, Outcome, Receipt
from iwf.smpp.settings import OutbindSettings
from iwf.smpp.simulator.__main__ import options
from iwf.smpp.simulator.control import Control
from iwf.smpp.simulator.phones import Phones, Text, sme_of, text_from
from iwf.smpp.simulator.smsc import SmscFactory
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import ShortMessage, Sme
from tests.smpp.edge_case import LINK, EdgeCase, Transport, item

PHONE = "+491701234567"


class PhonesTests(SynchronousTestCase):
    """What phones show."""

    def test_text(self) -> None:
        """A text is shown with its sender, and counted."""
        phones = Phones()
        for sender, text in ((Sme(5, 0, "Romeo"), b"hi"), (Sme(1, 1, "4915100000001"), b"again")):
            phones.take(ShortMessage(source=sender, destination=sme_of(PHONE), short_message=text))
        self.assertEqual(phones.texts(PHONE), [Text(1, "Romeo", "hi"), Text(2, "+4915100000001", "again")])
        self.assertEqual(phones.texts(PHONE, after=1), [Text(2, "+4915100000001", "again")])
        self.assertEqual((phones.texts("+1"), phones.numbers), ([], [PHONE]))

    @settings(max_examples=40, deadline=None)
    @given(st.text("ab€😀\n ", min_size=1, max_size=400), st.randoms())
    def test_long_texts(self, text: str, random: Any) -> None:
        """A long text is shown whole, in whatever order its parts come."""
        parts = text_from("X1", PHONE, text, 7)
        random.shuffle(parts)
        phones = Phones()
        for part in parts:
            self.assertEqual(phones.texts(PHONE), [])
            phones.take(part)
        self.assertEqual(phones.texts(PHONE), [Text(1, "X1", text, len(parts))])

    def test_sar(self) -> None:
        """Parts that are told by TLVs, too."""
        phones = Phones()
        for number, text in ((2, b"world"), (1, b"Hello ")):
            phones.take(ShortMessage(destination=sme_of(PHONE), short_message=text, tlvs=(
                (c.TLV_SAR_MSG_REF_NUM, b"\0\1"), (c.TLV_SAR_TOTAL_SEGMENTS, b"\2"),
                (c.TLV_SAR_SEGMENT_SEQNUM, bytes([number])))))
        self.assertEqual([text.text for text in phones.texts(PHONE)], ["Hello world"])

    def test_not_texts(self) -> None:
        """What is no text is shown as such, and nothing is raised."""
        phones = Phones()
        for message in (ShortMessage(esm_class=0x40, short_message=b"\xff"), ShortMessage(data_coding=4)):
            phones.take(evolve(message, destination=sme_of(PHONE)))
        self.assertEqual(len(phones.texts(PHONE)), 2)


class ControlTests(EdgeCase):
    """Our ESME, bound to a simulator that the test controls over HTTP."""

    def start(self, echo: str = "") -> None:
        self.edge(evolve(LINK, outbind=OutbindSettings("tcp:2776:interface=127.0.0.1", "smsc", "pw")))
        self.phones = Phones(echo)
        self.smsc = SmscFactory({"iwf": "secret"}, self.phones, self.reactor, Ids(seed=2))
        self.site = Site(Control(self.smsc, self.phones, self.reactor), reactor=self.reactor)
        self.pairs: list[tuple[Transport, Transport]] = []
        self.join(self.connect(), self.smsc.buildProtocol(None))
        self.exchange()

    def join(self, ours: Transport, protocol: Any) -> None:
        theirs = Transport()
        theirs.protocol = protocol
        theirs.protocol.makeConnection(theirs)
        self.pairs.append((ours, theirs))

    def exchange(self) -> None:
        """Carry octets both ways; the engine says yes to everything."""
        for _ in range(20):
            self.reactor.advance(0.01)
            for pair in self.pairs:
                for here, there in (pair, pair[::-1]):
                    octets = here.value()
                    here.clear()
                    if octets and there.protocol is not None:
                        there.protocol.dataReceived(octets)
            verdicts, self.intake.verdicts = self.intake.verdicts, []
            for verdict in verdicts:
                verdict.callback(None)  # type: ignore[arg-type]

    def call(self, method: str, path: str, body: object = None, headers: str = "") -> tuple[int, Any]:
        """One HTTP request: the status, and what was answered."""
        content = b"" if body is None else json.dumps(body).encode()
        channel = self.site.buildProtocol(None)
        transport = StringTransportWithDisconnection()
        transport.protocol = channel
        channel.makeConnection(transport)
        head = f"{method} {path} HTTP/1.0\r\nContent-Length: {len(content)}\r\n{headers}\r\n"
        channel.dataReceived(head.encode() + content)
        self.exchange()
        answer, _, written = transport.value().partition(b"\r\n\r\n")
        if not answer:
            return 0, None  # it is still at it
        status = int(answer.split()[1])
        return status, json.loads(written) if b"application/json" in answer else written.decode()

    def test_read_and_write(self) -> None:
        """What arrives is read, and a text is sent back and answered with a status."""
        self.start()
        self.deliver(item("a", "Hello"))
        self.exchange()
        self.assertEqual(self.call("GET", "/phones"), (200, [PHONE]))
        self.assertEqual(self.call("GET", f"/phones/{PHONE}"), (200, [
            {"number": 1, "sender": "X000000001", "text": "Hello", "parts": 1}]))
        self.assertEqual(self.call("GET", f"/phones/{PHONE}?after=1"), (200, []))
        self.assertEqual(self.call("POST", f"/phones/{PHONE}", {"to": "X000000001", "text": "x" * 200}),
                         (200, {"statuses": [0, 0]}))
        self.assertEqual(len([event for event in self.intake.events if not isinstance(event, Receipt)]), 2)

    def test_fates(self) -> None:
        """A phone that cannot be reached, then one that is not there, then one as before."""
        self.start()
        self.assertEqual(self.call("PUT", f"/phones/{PHONE}", {"state": "UNDELIV", "after": 1}), (200, {}))
        [accepted] = self.accepted("a")
        self.reactor.advance(1)
        self.exchange()
        [receipt] = [event for event in self.intake.events if isinstance(event, Receipt)]
        self.assertEqual((receipt.ref, receipt.outcome), (*accepted.refs, Outcome.FAILED))
        self.call("PUT", f"/phones/{PHONE}", {"status": 11})
        self.assertEqual(self.accepted("b"), [])
        self.call("PUT", f"/phones/{PHONE}", {})
        self.assertEqual(len(self.accepted("c")), 1)

    def test_receipt_first(self) -> None:
        """The answer comes late, the receipt before it (SMS-41)."""
        self.start()
        self.call("PUT", f"/phones/{PHONE}", {"delay": 4, "after": -2})
        results = self.deliver(item("a"))
        self.exchange()
        self.reactor.advance(2)
        self.exchange()
        self.assertEqual(([type(event) for event in self.intake.events], results), ([Receipt], []))
        self.reactor.advance(2)
        self.exchange()
        self.assertEqual([type(result) for result in results], [Accepted])

    def accepted(self, name: str) -> list[Accepted]:
        results = self.deliver(item(name))
        self.exchange()
        return [result for result in results if isinstance(result, Accepted)]

    def test_echo(self) -> None:
        """Phones may answer by themselves."""
        self.start(echo="You wrote: ")
        self.deliver(item("a", "Hello"))
        self.exchange()
        texts = [event.text for event in self.intake.events if not isinstance(event, Receipt)]  # type: ignore[union-attr]
        self.assertEqual(texts, ["You wrote: Hello"])

    def test_rate_and_binds(self) -> None:
        """Who is bound is shown, and throttling is switched on."""
        self.start()
        self.assertEqual(self.call("GET", "/binds"), (200, [{"account": "iwf", "state": "bound_trx"}]))
        self.assertEqual(self.call("PUT", "/rate", {"rate": 1}), (200, {}))
        self.assertEqual(self.smsc.rate, 1)

    def test_outbind(self) -> None:
        """The simulator connects to us, and we bind on that connection (SMS-3)."""
        self.start()
        before = len(self.reactor.tcpClients)
        self.call("POST", "/outbind", {"connect": "tcp:127.0.0.1:2776", "password": "pw"})
        host, port, calling, *_ = self.reactor.tcpClients[before]
        self.assertEqual((host, port), ("127.0.0.1", 2776))
        _, factory, *_ = self.reactor.tcpServers[0]
        ours = Transport()
        ours.protocol = factory.buildProtocol(None)
        ours.protocol.makeConnection(ours)
        self.join(ours, calling.buildProtocol(None))
        self.exchange()
        self.assertEqual([bind.account for bind in self.smsc.connections], ["iwf", "iwf"])

    def test_nonsense(self) -> None:
        """What cannot be is refused with a reason; web pages are kept out."""
        self.start()
        for method, path, body in (
            ("GET", "/nothing", None), ("DELETE", "/phones", None), ("POST", f"/phones/{PHONE}", None),
            ("POST", f"/phones/{PHONE}", []), ("POST", f"/phones/{PHONE}", {"to": "1"}),
            ("POST", f"/phones/{PHONE}", {"to": "1" * 30, "text": "x"}),
            ("POST", f"/phones/{PHONE}", {"to": "1", "text": "x" * 50_000}),
            ("POST", f"/phones/{PHONE}", {"to": "1", "text": "x", "account": "nobody"}),
            ("GET", f"/phones/{PHONE}?after=x", None), ("PUT", "/rate", {"rate": True}),
            ("PUT", f"/phones/{PHONE}", {"state": "GONE"}), ("PUT", f"/phones/{PHONE}", {"after": -1}),
            ("PUT", f"/phones/{PHONE}", {"status": -1}), ("POST", "/outbind", {"connect": "?", "password": ""}),
        ):
            status, answer = self.call(method, path, body)
            self.assertEqual((status, list(answer)), (400, ["error"]), (method, path, body))
        self.assertEqual(self.call("PUT", "/rate", {"rate": 1}, "Origin: http://a.example\r\n")[0], 403)
        self.assertEqual(self.call("GET", "/")[0], 200)


class OptionsTests(SynchronousTestCase):
    """The command line."""

    def test_loopback(self) -> None:
        """Without options nobody but this machine reaches either port."""
        chosen = options().parse_args([])
        for endpoint in (chosen.listen, chosen.control):
            self.assertIn("interface=127.0.0.1", endpoint)
