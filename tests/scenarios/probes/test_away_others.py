"""SIP peers and SMSCs that are away, silent or half there."""

from __future__ import annotations

from iwf.smpp.simulator.handset import Fate, Handset, ScriptedHandset
from iwf.smpp.wire.pdu import ShortMessage
from tests.scenarios.probes.base import M, P, ProbeCase, listen_tcp, over_tcp
from tests.support.world import PEER_PORT, SMSC_PORT, World

THROTTLED = 0x58


class SipAway(ProbeCase):
    """A SIP peer behind TCP that cannot be reached (ERR-4)."""

    def make_world(self) -> World:
        return World(over_tcp())

    def test_refused(self) -> None:
        """Nobody listens: the sender is told within a minute, not never (ERR-4)."""
        self.says("hi", settle=60)
        self.assert_error("remote-server-timeout", "wait")

    def test_back_in_time(self) -> None:
        """A peer that is back after some seconds gets what was written meanwhile."""
        self.says("hi", settle=5)
        listen_tcp(self.world)
        self.world.settle(30)
        self.assertEqual(self.world.peer.bodies(), ["hi"])
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_mute(self) -> None:
        """Somebody takes the connection and never answers: the sender is told (RFC 3261, timer F)."""
        self.world.start_mute(PEER_PORT)
        self.says("hi", settle=40)
        self.assert_error("remote-server-timeout", "wait")

    def test_connection_lost(self) -> None:
        """A connection that breaks with a request on it: the sender is told, or the peer asked again."""
        listen_tcp(self.world)
        self.world.peer.status = 0
        self.says("hi", settle=1)
        for pipe in list(self.world.network.pipes):
            if pipe.getHost().port == PEER_PORT:
                pipe.abortConnection()
        self.world.peer.status = 200
        self.world.settle(60)
        told = self.world.xmpp.errors()
        self.assertIn((told, set(self.world.peer.bodies())), (([], {"hi"}), (["remote-server-timeout"], {"hi"})))
        self.says("again", id="id2")
        self.assertEqual(self.world.peer.bodies()[-1], "again")


class SmscAway(ProbeCase):
    """An SMSC that is away (XMPP-10 holds for every connector)."""

    def test_minutes(self) -> None:
        """What was taken in the grace is delivered when it is back; later senders are told at once."""
        self.world.stop_smsc()
        self.says("early", to=f"+491701@{M}")
        self.world.settle(60)
        self.says("late", to=f"+491701@{M}", id="late")
        self.assert_error("remote-server-timeout", "wait", "late")
        self.assertEqual(self.asks("late", to=f"sip:+491701@{P}"), [480])
        self.assertGreater(int(self.answer().get("Retry-After") or 0), 0)
        self.world.network.settle(300, 1)
        self.assert_alive()
        self.world.start_smsc()
        self.world.settle(90)
        self.assertEqual([text for _, _, text in self.world.texts()], ["romeo: early"])
        self.says("again", to=f"+491701@{M}", id="again")
        self.assertEqual(self.world.texts()[-1][2], "again")

    def test_half_open(self) -> None:
        """An SMSC that stops reading without a word is found out and bound again (SMS-6)."""
        self.world.freeze(SMSC_PORT)
        self.world.settle(120)
        self.says("hi", to=f"+491701@{M}")
        self.assertEqual(len(self.world.texts()), 1)

    def test_mute(self) -> None:
        """Somebody who takes connections and never answers a bind is tried again (SMS-2)."""
        self.world.stop_smsc()
        self.world.start_mute(SMSC_PORT)
        self.world.settle(60)
        self.says("hi", to=f"+491701@{M}")
        self.assert_error("remote-server-timeout", "wait")
        self.world.network.listeners.pop(("127.0.0.1", SMSC_PORT))
        self.world.start_smsc()
        self.world.settle(90)
        self.says("hi", to=f"+491701@{M}", id="id2")
        self.assertEqual(len(self.world.texts()), 1)

    def test_half_a_pdu(self) -> None:
        """An SMSC that stops in the middle of a PDU does not hold up the link for ever (SMS-11)."""
        (connection,) = self.world.smsc.connections
        assert connection.transport is not None
        connection.transport.write(b"\x00\x00\x01\x00\x00\x00\x00\x05")
        self.world.settle(150)
        self.says("hi", to=f"+491701@{M}")
        self.assertEqual(len(self.world.texts()), 1)


class DeafPhones(Handset):
    """An SMSC that never answers for some phones."""

    def __init__(self, *deaf: str) -> None:
        super().__init__()
        self.deaf = set(deaf)
        self.tries: list[str] = []

    def fate_of(self, message: ShortMessage) -> Fate:
        self.tries.append(message.destination.number)
        return Fate(0x08, answers=False) if message.destination.number in self.deaf else Fate()


class SmscSilent(ProbeCase):
    """An SMSC that is bound and does not answer a submit (SMS-18)."""

    def make_world(self) -> World:
        self.phones = DeafPhones("491701", *(f"49180{number:02}" for number in range(30)))
        return World(handset=self.phones)

    def test_told(self) -> None:
        """The sender is told that nobody knows; the text is not sent twice (SMS-18)."""
        self.says("hi", to=f"+491701@{M}", settle=60)
        self.assert_error("remote-server-timeout", "wait")
        self.assertEqual(self.phones.tries, ["491701"])

    def test_sip_sender(self) -> None:
        """A SIP sender is told by a text (MSG-33)."""
        self.assertEqual(self.asks("hi", to=f"sip:+491701@{P}", settle=60), [202])
        self.assertIn("not delivered", self.request().body.decode())

    def test_other_phones(self) -> None:
        """Other phones get their texts meanwhile (SMS-7: the window is not held by one phone)."""
        for number in range(5):
            self.says(f"void {number}", to=f"+491701@{M}", id=f"v{number}", settle=0)
        self.says("hi", to=f"+491799@{M}", settle=1)
        self.assertEqual([text for _, _, text in self.world.texts()], ["romeo: hi"])

    def test_full_window(self) -> None:
        """A window full of unanswered texts opens again, and everybody is told or served (SMS-7)."""
        for number in range(30):
            self.says("void", to=f"+49180{number:02}@{M}", id=f"w{number}", settle=0)
        self.says("hi", to=f"+491799@{M}", id="fine", settle=60)
        self.assertEqual([text for _, _, text in self.world.texts()], ["romeo: hi"])
        self.assertEqual(self.world.xmpp.errors(), ["remote-server-timeout"] * 30)


class SmscThrottles(ProbeCase):
    """An SMSC that says that we are too fast (SMS-9)."""

    def make_world(self) -> World:
        return World(handset=ScriptedHandset(*[Fate(THROTTLED)] * 12))

    def test_order_kept(self) -> None:
        """Nothing is lost, doubled or out of order, and nobody is told of a failure (SMS-9, SMS-20)."""
        for number in range(10):
            self.says(f"text {number}", to=f"+491701@{M}", id=f"t{number}", settle=0)
        self.world.network.settle(600, 0.2)
        self.assertEqual([text.removeprefix("romeo: ") for _, _, text in self.world.texts()],
                         [f"text {number}" for number in range(10)])
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_others_served(self) -> None:
        """The XMPP and SIP sides are not slowed by it."""
        self.says("hi", to=f"+491701@{M}")
        self.assert_alive()


class StopWhileSilent(ProbeCase):
    """The daemon stops while it waits for the SIP side."""

    def test_stop_and_start(self) -> None:
        """Who waited for an answer at an orderly stop learns after the start what became of it (SIP-92)."""
        self.world.peer.status = 0
        self.says("hi", settle=1)
        self.world.stop_daemon()
        self.assertEqual(self.world.xmpp.inbox, [])
        self.world.start_daemon()
        self.world.settle(40)
        self.assertEqual(len(self.world.peer.requests), 1)
        self.assert_error("remote-server-timeout", "wait")
