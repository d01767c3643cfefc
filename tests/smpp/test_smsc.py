"""The ESME and our SMSC, joined in memory."""

from __future__ import annotations

from attrs import evolve

from iwf.ids import Ids
from iwf.mapping.model import (
    Accepted,
    Address,
    Failure,
    Message,
    Outcome,
    Reason,
    Receipt,
    Refused,
    Rejected,
)
from iwf.smpp import constants as c
from iwf.smpp.pdu import (
    Pdu,
    encode,
)
from iwf.smpp.reasons import MessageState
from iwf.smpp.settings import LinkSettings
from iwf.smpp.smsc import Fate, Handset, ScriptedHandset, Smsc, SmscFactory, Submission
from iwf.smpp.states import Timers
from tests.smpp.edge_case import LINK, TEXT, EdgeCase, Transport, item


class SmscTests(EdgeCase):
    """The ESME and our SMSC, joined in memory."""

    def join(self, handset: Handset, link: LinkSettings = LINK, password: str = "secret") -> None:
        self.edge(link)
        self.smsc = SmscFactory({"iwf": password}, handset, self.reactor, Ids(seed=2), Timers())
        self.pairs: list[tuple[Transport, Transport]] = []
        for number in range(len(self.reactor.tcpClients)):
            ours, theirs = self.connect(number), Transport()
            theirs.protocol = self.smsc.buildProtocol(None)
            theirs.protocol.makeConnection(theirs)
            self.pairs.append((ours, theirs))
        self.exchange()

    def exchange(self) -> None:
        """Carry octets both ways until nothing moves, with a little time."""
        for _ in range(20):
            self.reactor.advance(0.01)
            for ours, theirs in self.pairs:
                for here, there in ((ours, theirs), (theirs, ours)):
                    octets = here.value()
                    here.clear()
                    if octets and there.protocol is not None:
                        there.protocol.dataReceived(octets)
                if ours.disconnecting or theirs.disconnecting:
                    ours.lose()
                    theirs.lose()

    def test_text_and_receipt(self) -> None:
        """A text reaches the phone, and the receipt comes back under the id of its answer."""
        handset = Handset()
        self.join(handset)
        results = self.deliver(item("a", "Grüße"))
        self.exchange()
        [accepted] = results
        assert isinstance(accepted, Accepted)
        self.assertEqual(handset.received[0].short_message, b"Gr\x7e\x1ee")
        [receipt] = self.intake.events
        assert isinstance(receipt, Receipt)
        self.assertEqual(((receipt.ref,), receipt.outcome), (accepted.refs, Outcome.DELIVERED))

    def test_states(self) -> None:
        """Final states of the network become outcomes."""
        states = (MessageState.UNDELIVERABLE, MessageState.EXPIRED, MessageState.REJECTED)
        self.join(ScriptedHandset(*(Fate(state=state) for state in states)))
        for number in range(3):
            self.deliver(item(f"i{number}"))
        self.exchange()
        outcomes = [event.outcome for event in self.intake.events if isinstance(event, Receipt)]
        self.assertEqual(outcomes, [Outcome.FAILED, Outcome.FAILED, Outcome.FORBIDDEN])

    def test_refusals(self) -> None:
        """Scripted statuses reach the core as failures."""
        silent = Fate(answers=False, state=None)
        self.join(ScriptedHandset(Fate(status=c.RINVDSTADR), Fate(status=c.RTHROTTLED), silent))
        results = [self.deliver(item(f"i{number}")) for number in range(3)]
        self.exchange()
        self.reactor.advance(11)
        reasons = [result.failure.reason for [result] in results if isinstance(result, Rejected)]
        self.assertEqual(reasons, [Reason.UNKNOWN_RECIPIENT, Reason.CONGESTED, Reason.TIMEOUT])

    def test_conversation(self) -> None:
        """A phone's reply is offered, and the SMSC learns the verdict."""
        self.join(ScriptedHandset(Fate(replies=(b"pong",))))
        self.deliver(item("a"))
        self.exchange()
        [message] = [event for event in self.intake.events if isinstance(event, Message)]
        self.assertEqual((message.text, message.origin.address, message.target),
                         ("pong", Address("tel", "+491701234567"), Address("tel", "X000000001")))
        statuses: list[int | None] = []
        self.smsc.deliver("iwf", TEXT).addCallback(statuses.append)
        self.exchange()
        self.assertEqual(statuses, [])
        self.intake.verdicts[-1].callback(Refused(Failure(Reason.FORBIDDEN)))
        self.exchange()
        self.assertEqual(statuses, [c.RX_R_APPN])

    def test_pair(self) -> None:
        """With a pair of binds texts go one way and come the other."""
        self.join(Handset(), evolve(LINK, bind="pair"))
        self.deliver(item("a"))
        self.exchange()
        self.assertEqual([type(event) for event in self.intake.events], [Receipt])
        transmitter, receiver = self.pairs
        self.assertEqual(transmitter[1].protocol.takes_messages, False)
        self.assertEqual(receiver[1].protocol.takes_messages, True)

    def test_wrong_password(self) -> None:
        """A wrong password is refused, and nobody receives anything there."""
        self.join(Handset(), password="other")
        self.assertEqual(self.lanes.lane.credits, [])
        statuses: list[int | None] = []
        self.smsc.deliver("iwf", TEXT).addCallback(statuses.append)
        self.assertEqual(statuses, [None])

    def test_unknown_account(self) -> None:
        """So is an unknown account."""
        self.join(Handset(), evolve(LINK, system_id="nobody"))
        self.assertEqual(self.lanes.lane.credits, [])

    def test_other_commands(self) -> None:
        """The SMSC refuses what it does not offer."""
        self.join(Handset())
        [(_, theirs)] = self.pairs
        theirs.protocol.dataReceived(encode(Pdu(c.QUERY_SM, 50)))
        self.assertEqual(theirs.take(), [Pdu(c.QUERY_SM | c.RESPONSE, 50, c.RINVCMDID)])

    def test_unbind(self) -> None:
        """Stopping the ESME unbinds at the SMSC."""
        self.join(Handset())
        [(_, theirs)] = self.pairs
        smsc = theirs.protocol
        assert isinstance(smsc, Smsc)
        self.assertEqual(self.smsc.connections, [smsc])
        smsc.unbind()
        self.exchange()
        self.assertEqual(self.smsc.connections, [])
        self.assertEqual(self.lanes.lane.credits, [3, 0])

    def test_unasked_receipt(self) -> None:
        """The SMSC can send a receipt that nobody asked for."""
        self.join(Handset())
        submission = Submission("iwf", "ABC", TEXT)
        self.smsc.send_receipt(submission, MessageState.DELIVERED)
        self.exchange()
        [receipt] = self.intake.events
        assert isinstance(receipt, Receipt)
        self.assertEqual(receipt.ref, "abc")
