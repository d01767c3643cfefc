"""Receipts through a whole iwf, between peers in memory (messages.md section 6)."""

from __future__ import annotations

import zlib

from twisted.words.xish.domish import Element

from iwf.mapping import cpim, imdn
from iwf.mapping.cpim import Cpim, Header
from iwf.mapping.imdn import HEADERS, Imdn
from iwf.mapping.model import Outcome
from iwf.sip.syntax.message import Request
from iwf.smpp.reasons import MessageState
from iwf.smpp.simulator.handset import Fate, Handset
from iwf.smpp.wire.pdu import ShortMessage
from tests.scenarios.probes.base import JULIET, ROMEO, SIP_ROMEO, M, P, ProbeCase
from tests.support.world import World, configuration

REQUEST = "<request xmlns='urn:xmpp:receipts'/>"
MARKABLE = "<markable xmlns='urn:xmpp:chat-markers:0'/>"
SIP_JULIET = "sip:juliet@sip.test"


def wrapped(text: str, asks: str = "", id: str = "far-1") -> bytes:
    """A text of Juliet's in message/cpim."""
    headers = [Header("From", f"<{SIP_JULIET}>"), Header("To", f"<{SIP_ROMEO}>"), Header("Message-ID", id, HEADERS),
               Header("DateTime", "2026-03-01T10:15:00Z")]
    if asks:
        headers.append(Header("Disposition-Notification", asks, HEADERS))
    return cpim.build(Cpim(tuple(headers), (("Content-Type", "text/plain"),), text.encode()))


class ReceiptCase(ProbeCase):
    """Romeo writes XMPP, Juliet SIP."""

    trunk = 'cpim = "always"'

    def make_world(self) -> World:
        return World(configuration(trunk=self.trunk))

    def asks(self, *inner: str, id: str = "m1", to: str = JULIET) -> None:
        """Romeo writes and wants to know."""
        self.sends(f"<body>hi</body>{''.join(inner)}", to=to, id=id)

    @property
    def heard(self) -> list[tuple[str, str]]:
        """What Romeo heard of his messages: word and id."""
        return [(str(child.name), child["id"]) for element in self.world.xmpp.inbox for child in element.elements()
                if child.name in ("received", "displayed")]

    def request(self, number: int = -1) -> Request:
        """A request that Juliet got."""
        return self.world.peer.requests[number]

    def message_id(self, number: int = -1) -> str:
        """The id by which Juliet's agent knows a message."""
        return cpim.parse(self.request(number).body).get("Message-ID", HEADERS)

    def notifies(self, outcome: Outcome, kind: str = "delivery", id: str = "", sender: str = SIP_JULIET,
                 bare: bool = False) -> list[int]:
        """Juliet's agent sends a notification; the answer."""
        document = imdn.build(Imdn(id or self.message_id(), outcome, kind, "2026-03-01T10:15:00Z", SIP_JULIET))
        content_type, extra = imdn.TYPE, "Content-Disposition: notification\r\n"
        if not bare:
            headers = (Header("From", f"<{sender}>"), Header("To", f"<{SIP_ROMEO}>"))
            mime = (("Content-Type", imdn.TYPE), ("Content-Disposition", "notification"))
            document = cpim.build(Cpim(headers, mime, document))
            content_type, extra = cpim.TYPE, ""
        return self.juliet(document, content_type, extra, sender)

    def juliet(self, body: bytes, content_type: str, extra: str = "", sender: str = SIP_JULIET) -> list[int]:
        """Juliet's agent sends a body; the answer."""
        call = self.world.peer.message(SIP_ROMEO, body, sender=sender, content_type=content_type, extra=extra)
        self.world.settle()
        return self.world.peer.answers(call)


class FromXmppTests(ReceiptCase):
    """An XMPP user asks about his message to SIP."""

    def test_asked(self) -> None:
        """Who wants to know has his text wrapped with the request (RCPT-1)."""
        self.asks(REQUEST, MARKABLE)
        message = cpim.parse(self.request().body)
        self.assertEqual(self.request().get("Content-Type"), "message/cpim")
        self.assertEqual(message.content, b"hi")
        self.assertEqual(message.get("Disposition-Notification", HEADERS),
                         "positive-delivery, negative-delivery, display")
        self.assertEqual((message.get("From"), message.get("To")), (f"<{SIP_ROMEO}>", f"<{SIP_JULIET}>"))
        self.assertRegex(message.get("DateTime"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_not_asked(self) -> None:
        """Who does not want to know has his text sent as it is."""
        self.says("hi")
        self.assertEqual(self.request().body, b"hi")

    def test_delivered_and_displayed(self) -> None:
        """Both notifications come back as an acknowledgement and a marker, from the contact to the device that
        asked, once each (RCPT-3, RCPT-9)."""
        self.asks(REQUEST, MARKABLE)
        for _ in range(2):
            self.assertEqual(self.notifies(Outcome.DELIVERED), [202])
            self.assertEqual(self.notifies(Outcome.DISPLAYED, "display"), [202])
        self.assertEqual(self.heard, [("received", "m1"), ("displayed", "m1")])
        first, second = (element for element in self.world.xmpp.inbox)
        self.assertEqual((first["from"], first["to"], first["type"]), (JULIET, ROMEO, "chat"))
        self.assertNotIn(first["id"], ("m1", second["id"]))

    def test_bare_and_compressed(self) -> None:
        """Agents also send notifications bare, and compressed (MSG-21, RCPT-4)."""
        self.asks(REQUEST)
        document = imdn.build(Imdn(self.message_id(), Outcome.DELIVERED))
        self.juliet(zlib.compress(document), imdn.TYPE, "Content-Encoding: deflate\r\n")
        self.assertEqual(self.heard, [("received", "m1")])

    def test_no_receipt_from_the_answer(self) -> None:
        """That the next hop took it is no receipt (RCPT-7)."""
        self.asks(REQUEST)
        self.assertEqual(self.heard, [])

    def test_of_a_stranger(self) -> None:
        """Only whom the message went to can tell, and only of messages that there were (RCPT-3)."""
        self.asks(REQUEST)
        self.assertEqual(self.notifies(Outcome.DELIVERED, sender="sip:mallory@sip.test"), [202])
        self.assertEqual(self.notifies(Outcome.DELIVERED, id="never-sent"), [202])
        self.assertEqual(self.notifies(Outcome.DELIVERED, id="0" * 20), [202])
        self.assertEqual(self.heard, [])

    def test_spelled_otherwise(self) -> None:
        """A user who spells himself in capitals is the same user."""
        self.asks(REQUEST)
        self.notifies(Outcome.DELIVERED, sender="sip:Juliet@SIP.test")
        self.assertEqual(self.heard, [("received", "m1")])

    def test_failed(self) -> None:
        """A failure that the far side tells later comes back as an error (section 6)."""
        self.asks(REQUEST)
        self.notifies(Outcome.FAILED)
        self.assertEqual((self.heard, self.world.xmpp.errors()), ([], ["recipient-unavailable"]))

    def test_refuses_to_tell(self) -> None:
        """That the far side does not want to tell says nothing about the message."""
        self.asks(REQUEST)
        self.notifies(Outcome.FORBIDDEN)
        self.notifies(Outcome.UNKNOWN, "display")
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_restart_in_between(self) -> None:
        """A receipt that comes after a restart is told (RCPT-9)."""
        self.asks(REQUEST)
        self.world.stop_daemon()
        self.world.start_daemon()
        self.notifies(Outcome.DELIVERED)
        self.assertEqual(self.heard, [("received", "m1")])

    def test_refused_wrapper(self) -> None:
        """An agent that refuses the wrapper gets the text once more without it, and is not asked again (RCPT-2)."""
        self.world.peer.status = 415
        self.world.xmpp.say(ROMEO, JULIET, "hi", id="m0")
        self.world.settle()
        self.assertEqual(self.world.xmpp.errors(), ["not-acceptable"])
        self.asks(REQUEST, id="m1")
        wrapper, plain = self.world.peer.requests[-2:]
        self.assertEqual((wrapper.get("Content-Type"), plain.body), ("message/cpim", b"hi"))
        self.assertEqual(wrapper.call_id, plain.call_id)
        self.assertLess(wrapper.cseq.number, plain.cseq.number)  # MSG-6a: no merged request
        self.world.peer.status = 200
        self.asks(REQUEST, id="m2")
        self.assertEqual(self.request().body, b"hi")
        self.assertEqual(len(self.world.peer.requests), 4)

    def test_too_large_to_wrap(self) -> None:
        """A text for which there is no room in the wrapper goes without it (MSG-27)."""
        self.sends(f"<body>{'x' * 900}</body>{REQUEST}")
        self.assertEqual(self.request().body, b"x" * 900)
        self.assertEqual(self.world.xmpp.errors(), [])


class AutoTests(ReceiptCase):
    """Without a setting, only those are asked that are seen to understand (RCPT-1)."""

    trunk = ""

    def test_unknown(self) -> None:
        """Of an agent nothing is known of, nothing is asked."""
        self.asks(REQUEST)
        self.assertEqual(self.request().body, b"hi")

    def test_sent_one(self) -> None:
        """An agent that sends wrapped texts is asked."""
        self.juliet(wrapped("hello"), cpim.TYPE)
        self.asks(REQUEST)
        self.notifies(Outcome.DELIVERED)
        self.assertEqual(self.heard, [("received", "m1")])

    def test_says_so(self) -> None:
        """An agent that says in a request or a refusal that it takes them is asked."""
        self.juliet(b"hello", "text/plain", "Accept: text/plain, message/CPIM\r\n")
        self.asks(REQUEST)
        self.assertEqual(self.request().get("Content-Type"), "message/cpim")


class NeverTests(ReceiptCase):
    """With ``cpim = "never"``."""

    trunk = 'cpim = "never"'

    def test_never(self) -> None:
        """Nobody is asked, whatever he sends."""
        self.juliet(wrapped("hello"), cpim.TYPE)
        self.asks(REQUEST)
        self.assertEqual(self.request().body, b"hi")


class AnswerTests(ReceiptCase):
    """With ``receipt_on_200``, where agents answer for themselves."""

    trunk = "receipt_on_200 = true"

    def test_answers(self) -> None:
        """200 is a receipt for who asked for one, 202 is none, and a refusal is an error (RCPT-7)."""
        for status, heard, errors in ((202, [], 0), (200, [("received", "m1")], 0),
                                      (404, [("received", "m1")], 1)):
            self.world.peer.status = status
            self.asks(REQUEST)
            self.assertEqual((self.heard, len(self.world.xmpp.errors())), (heard, errors))
        self.world.peer.status = 200
        self.says("nobody asks")
        self.asks(MARKABLE)
        self.assertEqual(self.heard, [("received", "m1")])

    def test_notified_as_well(self) -> None:
        """An agent that also sends a notification is not told of twice (RCPT-9)."""
        self.juliet(wrapped("hello"), cpim.TYPE)
        self.asks(REQUEST)
        self.notifies(Outcome.DELIVERED)
        self.assertEqual(self.heard, [("received", "m1")])


class FromSipTests(ReceiptCase):
    """A SIP user asks about her message to XMPP."""

    def arrived(self) -> Element:
        """The text that Romeo got."""
        return next(element for element in self.world.xmpp.inbox if element.body is not None)

    def acknowledges(self, word: str = "received", namespace: str = "urn:xmpp:receipts") -> None:
        """Romeo's client acknowledges the text, as slixmpp does: without a type."""
        to = self.arrived()["from"]
        self.sends(f"<{word} xmlns='{namespace}' id='{self.arrived()['id']}'/>", to=to, id="ack", attributes="")

    def told(self) -> Imdn:
        """The notification that Juliet got."""
        wrapper = cpim.parse(self.request().body)
        self.assertEqual(wrapper.content_header("Content-Disposition"), "notification")
        self.assertEqual(wrapper.all("Disposition-Notification", HEADERS), [])  # RCPT-4
        return imdn.parse(wrapper.content)

    def test_asked(self) -> None:
        """Her wishes are Romeo's client's to fulfil (RCPT-5); the text and its date come out of the wrapper."""
        self.assertEqual(self.juliet(wrapped("hello", "positive-delivery, display"), cpim.TYPE), [202])
        names = [str(child.name) for child in self.arrived().elements()]
        self.assertEqual(str(self.arrived().body), "hello")
        self.assertTrue({"request", "markable", "delay"} <= set(names), names)

    def test_not_asked(self) -> None:
        """Who asks for nothing, or for failures only, gives no work to anybody."""
        self.juliet(wrapped("hello", "negative-delivery"), cpim.TYPE)
        self.assertFalse({"request", "markable"} & {str(child.name) for child in self.arrived().elements()})
        self.acknowledges()
        self.assertEqual(self.world.peer.requests, [])

    def test_told(self) -> None:
        """The acknowledgement becomes a notification about her message as she knows it (RCPT-5)."""
        self.juliet(wrapped("hello", "positive-delivery, display"), cpim.TYPE)
        self.acknowledges()
        self.acknowledges()
        self.assertEqual(self.told(), Imdn("far-1", Outcome.DELIVERED, "delivery", "2026-03-01T10:15:00Z",
                                           SIP_ROMEO))
        self.assertEqual(str(self.request().uri), SIP_JULIET)
        self.assertEqual(str(self.request().from_.uri), SIP_ROMEO)
        self.acknowledges("displayed", "urn:xmpp:chat-markers:0")
        self.assertEqual((self.told().outcome, self.told().kind), (Outcome.DISPLAYED, "display"))
        self.assertEqual(len(self.world.peer.requests), 2)

    def test_of_another_user(self) -> None:
        """Somebody else's acknowledgement counts for nothing."""
        self.juliet(wrapped("hello", "positive-delivery"), cpim.TYPE)
        self.sends(f"<received xmlns='urn:xmpp:receipts' id='{self.arrived()['id']}'/>", id="ack",
                   sender="benvolio@xmpp.test/x")
        self.assertEqual(self.world.peer.requests, [])

    def test_late_failure(self) -> None:
        """A failure after the answer is a notification for who asked for it, else a text (MSG-33)."""
        for asks, outcome in (("negative-delivery", Outcome.FAILED), ("", None)):
            call = self.world.peer.message("sip:nobody*xmpp.test@xmpp.sip.test", wrapped("hello", asks),
                                           sender=SIP_JULIET, content_type=cpim.TYPE)
            self.world.settle(2)
            self.assertEqual(self.world.peer.answers(call), [202])
            if outcome is not None:
                self.assertEqual(self.told().outcome, outcome)
            else:
                self.assertIn(b"was not delivered", self.request().body)


class SmsTests(ReceiptCase):
    """A phone's network tells about the text."""

    def test_delivered(self) -> None:
        """DELIVRD becomes the acknowledgement for the XMPP user who asked, from the number he wrote to."""
        for text, id in (("short", "m1"), ("long " * 100, "m2")):
            self.sends(f"<body>{text}</body>{REQUEST}{MARKABLE}", to=f"+491701234567@{M}", id=id)
            self.world.settle(5)
        self.assertEqual(self.heard, [("received", "m1"), ("received", "m2")])
        self.assertEqual(self.world.xmpp.inbox[0]["from"], f"+491701234567@{M}")

    def test_not_asked(self) -> None:
        """Who did not ask hears nothing of a success."""
        self.sends("<body>hi</body>", to=f"+491701234567@{M}")
        self.world.settle(5)
        self.assertEqual(self.world.xmpp.inbox, [])


class _Ends(Handset):
    """Phones of which all texts end in one state."""

    state = MessageState.DELIVERED

    def fate_of(self, message: ShortMessage) -> Fate:
        return Fate(state=self.state)


class SmsEndTests(ReceiptCase):
    """What the phone's network says becomes what the sender's world says."""

    def make_world(self) -> World:
        self.phones = _Ends()
        return World(handset=self.phones)

    def test_to_sip(self) -> None:
        """A SIP user who asked hears of each outcome by the word that IMDN has for it (section 6, ERR 8.4)."""
        asks = "positive-delivery, negative-delivery"
        for number, (state, outcome) in enumerate((
                (MessageState.DELIVERED, Outcome.DELIVERED), (MessageState.UNDELIVERABLE, Outcome.FAILED),
                (MessageState.EXPIRED, Outcome.FAILED), (MessageState.REJECTED, Outcome.FORBIDDEN))):
            self.phones.state = state
            call = self.world.peer.message(f"sip:+491701234567@{P}", wrapped("hi", asks, f"far-{number}"),
                                           sender=SIP_JULIET, content_type=cpim.TYPE)
            self.world.settle(5)
            self.assertEqual(self.world.peer.answers(call), [202])
            told = imdn.parse(cpim.parse(self.request().body).content)
            self.assertEqual((told.message_id, told.outcome), (f"far-{number}", outcome))
            self.assertEqual(str(self.request().from_.uri).partition("@")[0], "sip:+491701234567")
        self.assertEqual(len(self.world.peer.requests), 4)

    def test_lost(self) -> None:
        """An XMPP user who asked and whose text is lost gets the error and no receipt (RCPT-12)."""
        self.phones.state = MessageState.UNDELIVERABLE
        self.asks(REQUEST, to=f"+491701234567@{M}")
        self.world.settle(5)
        self.assertEqual((self.heard, len(self.world.xmpp.errors())), ([], 1))
