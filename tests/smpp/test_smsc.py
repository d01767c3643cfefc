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
from iwf.smpp.reasons import MessageState
from iwf.smpp.session.states import Timers
from iwf.smpp.settings import LinkSettings, Profile
from iwf.smpp.simulator.handset import Fate, Handset, ScriptedHandset
from iwf.smpp.simulator.receipt import Submission
from iwf.smpp.simulator.smsc import Smsc, SmscFactory
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import encode
from iwf.smpp.wire.pdu import (
    Body,
    Cancel,
    MessageResp,
    MultiMessage,
    MultiResp,
    Nothing,
    Pdu,
    Query,
    QueryResp,
    Replace,
    Sme,
)
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
        self.join(ScriptedHandset(Fate(status=c.RINVDSTADR), Fate(status=c.RSYSERR), silent))
        results = [self.deliver(item(f"i{number}")) for number in range(3)]
        self.exchange()
        self.reactor.advance(11)
        reasons = [result.failure.reason for [result] in results if isinstance(result, Rejected)]
        self.assertEqual(reasons, [Reason.UNKNOWN_RECIPIENT, Reason.UNAVAILABLE, Reason.TIMEOUT])

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

    def ask(self, command: int, body: Body | None = None) -> Pdu:
        """Ask the SMSC by hand, over the first bind."""
        (_, theirs) = self.pairs[0]
        theirs.clear()
        theirs.protocol.dataReceived(encode(Pdu(command, 50, body=body or Nothing())))
        [answer] = theirs.take()
        self.assertEqual(answer.sequence, 50)
        return answer

    def test_query_cancel_replace(self) -> None:
        """What is under way can be asked for, replaced and cancelled; what has ended, only asked for."""
        self.join(ScriptedHandset(Fate(after=60), Fate(after=60)))
        ids = []
        for text in (b"one", b"two"):
            body = self.ask(c.SUBMIT_SM, evolve(TEXT, short_message=text, registered_delivery=1)).body
            assert isinstance(body, MessageResp)
            ids.append(body.message_id)
        self.assertEqual(self.ask(c.QUERY_SM, Query(ids[0])).body, QueryResp(ids[0], message_state=1))
        self.assertEqual(self.ask(c.REPLACE_SM, Replace(ids[0], short_message=b"1")).status, c.ROK)
        self.assertEqual(self.ask(c.CANCEL_SM, Cancel(message_id=ids[1])).status, c.ROK)
        self.reactor.advance(60)
        states = [self.ask(c.QUERY_SM, Query(message_id)).body for message_id in ids]
        self.assertEqual(states, [QueryResp(ids[0], message_state=2), QueryResp(ids[1], message_state=4)])
        self.assertEqual(self.ask(c.CANCEL_SM, Cancel(message_id=ids[0])).status, c.RCANCELFAIL)
        self.assertEqual(self.ask(c.REPLACE_SM, Replace(ids[0])).status, c.RREPLACEFAIL)
        self.assertEqual(self.ask(c.QUERY_SM, Query("unknown")).status, c.RQUERYFAIL)

    def test_multi(self) -> None:
        """submit_multi: one id, and the recipients who were refused."""
        self.join(ScriptedHandset(Fate(), Fate(status=c.RINVDSTADR)))
        one, two = Sme(1, 1, "491"), Sme(1, 1, "492")
        body = self.ask(c.SUBMIT_MULTI, MultiMessage((one, two, "friends"), TEXT)).body
        assert isinstance(body, MultiResp)
        self.assertTrue(body.message_id)
        self.assertEqual(body.failed, ((two, c.RINVDSTADR), (Sme(0, 0, "friends"), c.RINVDLNAME)))

    def test_throttling(self) -> None:
        """Above its rate the SMSC throttles, and what it throttled arrives all the same, later (SMS-9)."""
        self.join(Handset())
        self.smsc.rate = 2
        results = [self.deliver(item(f"i{number}")) for number in range(3)]
        self.exchange()
        self.reactor.pump([0.1] * 30)
        for _ in range(5):
            self.exchange()
            self.reactor.pump([0.1] * 20)
        self.assertEqual([type(result) for [result] in results], [Accepted] * 3)
        self.assertEqual(len(self.smsc.handset.received), 3)

    def test_overdue_receipt(self) -> None:
        """A receipt that does not come is asked for once, five minutes after the validity (SMS-43)."""
        self.join(ScriptedHandset(Fate(state=None), Fate(state=None)),
                  evolve(LINK, profile=Profile(query=True), enquire_link_timer=1e6))
        self.deliver(evolve(item("a"), expires_at=self.reactor.seconds() + 600))
        self.deliver(evolve(item("b"), expires_at=self.reactor.seconds() + 600))
        self.exchange()
        [first, second] = self.smsc.kept_ids()
        kept = self.smsc.kept("iwf", first)
        assert kept is not None
        kept.state = MessageState.UNDELIVERABLE
        self.reactor.advance(600 + 290)
        self.exchange()
        self.assertEqual(self.intake.events, [])
        self.reactor.advance(20)
        self.exchange()
        self.reactor.advance(3600)
        self.exchange()
        receipts = {event.ref: event.outcome for event in self.intake.events if isinstance(event, Receipt)}
        self.assertEqual(receipts, {first: Outcome.FAILED, second: Outcome.UNKNOWN})
        self.assertEqual(len(self.intake.events), 2)

    def test_question_lost(self) -> None:
        """A question that was lost with its connection is asked again on the next one."""
        self.join(ScriptedHandset(Fate(state=None)),
                  evolve(LINK, profile=Profile(query=True), enquire_link_timer=1e6))
        self.deliver(evolve(item("a"), expires_at=self.reactor.seconds() + 600))
        self.exchange()
        self.reactor.advance(901)
        for transport in self.pairs.pop():
            transport.lose()
        self.assertEqual(self.intake.events, [])
        self.reactor.advance(1.1)
        ours, theirs = self.connect(), Transport()
        theirs.protocol = self.smsc.buildProtocol(None)
        theirs.protocol.makeConnection(theirs)
        self.pairs.append((ours, theirs))
        self.exchange()
        self.reactor.advance(61)
        self.exchange()
        self.assertEqual([type(event) for event in self.intake.events], [Receipt])

    def test_receipt_in_time(self) -> None:
        """What has a final receipt is not asked for."""
        self.join(Handset(), evolve(LINK, profile=Profile(query=True), enquire_link_timer=1e6))
        self.deliver(evolve(item("a"), expires_at=self.reactor.seconds() + 600))
        self.exchange()
        self.reactor.advance(2000)
        self.exchange()
        self.assertEqual(len(self.intake.events), 1)

    def test_other_commands(self) -> None:
        """The SMSC refuses what it does not know, and what is no business of an ESME."""
        self.join(Handset())
        self.assertEqual(self.ask(0x111), Pdu(c.GENERIC_NACK, 50, c.RINVCMDID))
        self.assertEqual(self.ask(c.DELIVER_SM, TEXT).status, c.RINVBNDSTS)

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
