"""What clients of others do that a reader of the specifications would not expect, replayed to the edge in memory.

The clients themselves take part in tests/interop; what they have written there is in :mod:`tests.sip.recorded`.
Where a client could not be had, the test says so, and its words are made after what is known of it.
"""

from __future__ import annotations

import zlib
from typing import Any

from attrs import evolve

from iwf.ids import Ids
from iwf.mapping.model import (
    Accepted,
    Composing,
    Failure,
    Item,
    Outcome,
    Party,
    Reason,
    Rejected,
    Report,
    Taken,
    Want,
)
from iwf.sip.auth.digest import Credentials, algorithm_of, parse_challenges, sign
from iwf.sip.auth.keyring import Keyring, Login
from iwf.sip.messaging.author import ref_of_item
from iwf.sip.syntax.message import Request, Response, parse_message, response_to
from tests.sip.fakes import Memory, Rig
from tests.sip.recorded import (
    BARESIP_MESSAGE,
    BARESIP_REGISTER,
    JSSIP_LOOP,
    LINPHONE_COMPOSING,
    LINPHONE_CPIM,
    LINPHONE_IMDN,
    LINPHONE_IMDN_BODY,
    LINPHONE_REGISTER,
    SIPJS_MESSAGE,
    SIPSAK_OPTIONS,
)
from tests.sip.samples import ANA, BEN_AT_X, MESSAGE_1_1, SETTINGS, TRUNK, changed, item, message, octets
from tests.sip.test_edge_digest import Case
from tests.sip.test_edge_registrar import ANA_AT_HOME, HOME, PHONE
from tests.sip.test_webstream import WEB_SETTINGS, Web

ASKING = frozenset({Want.DELIVERED, Want.DISPLAYED})
THEIRS = "k078qelnifjbmrdpno98"
"""A Call-ID that JsSIP has made; it knows them by their first five characters."""


class QuirkCase(Case):
    """More short words."""

    def refs(self, done: Any) -> tuple[str, ...]:
        """The references of receipts for what was taken."""
        result = self.successResultOf(done)
        assert isinstance(result, Accepted)
        return result.refs


class TrunkCase(QuirkCase):
    """Clients behind a proxy."""

    def setUp(self) -> None:
        self.rig = Rig()

    def take(self, text: str) -> Any:
        """Receive a message, say yes to what comes of it, and hand that out; it must be answered 202."""
        self.rig.receive(octets(text))
        [event] = self.rig.intake.events
        self.rig.intake.verdicts[0].callback(Taken("d"))
        self.assertEqual(self.response().status, 202)
        return event

    def deliver(self, payload: object) -> tuple[Request, Any]:
        """Send a payload; its request, and what will become of it."""
        done = self.rig.edge.deliver(item(payload))
        return self.request(), done


class BaresipTests(TrunkCase):
    """baresip 1.0.0."""

    def test_no_charset(self) -> None:
        """A text without charset is UTF-8, in the composition that it had (MSG-9)."""
        self.assertEqual(self.take(BARESIP_MESSAGE).text, "Gru\u0308\u00dfe \u2602")

    def test_plain_text_only(self) -> None:
        """It answers 415 to a wrapped text, which comes again as it likes it, and to typing, which comes no more
        (RCPT-2, COMP-4)."""
        self.rig = Rig(evolve(SETTINGS, trunks=(evolve(TRUNK, cpim="always"),)))
        self.take(BARESIP_MESSAGE)
        wrapped, done = self.deliver(message(wants=ASKING))
        self.assertEqual(wrapped.get("Content-Type"), "message/cpim")
        self.answer(wrapped, 415, ("Accept", "text/plain"))
        plain = self.request()
        self.assertEqual((plain.get("Content-Type"), plain.body), ("text/plain;charset=utf-8", b"hi"))
        self.answer(plain, 200)
        self.assertIsInstance(self.successResultOf(done), Accepted)
        typing, done = self.deliver(Composing(Party(BEN_AT_X), ANA, True))
        self.answer(typing, 415, ("Accept", "text/plain"))
        self.successResultOf(done)
        self.successResultOf(self.rig.edge.deliver(item(Composing(Party(BEN_AT_X), ANA, True))))
        self.assertEqual(self.rig.sent(), [])


class LinphoneTests(TrunkCase):
    """liblinphone 5.1.65."""

    def test_wrapped(self) -> None:
        """A text in message/cpim asks for all there is, and a To without brackets does no harm (RCPT-5)."""
        event = self.take(LINPHONE_CPIM)
        self.assertEqual((event.text, event.wants, event.target, event.origin.address),
                         ("Art thou not Romeo?", frozenset(Want), BEN_AT_X, ANA))

    def test_unasked_notification(self) -> None:
        """It tells of every text that it was displayed, by our Call-ID and deflated: taken, and nobody is told
        (RCPT-3, MSG-21)."""
        body = zlib.compress(LINPHONE_IMDN_BODY.encode())
        self.rig.receive(octets(LINPHONE_IMDN) + body)
        self.assertEqual((self.response().status // 100, self.rig.intake.events), (2, []))

    def test_answer_to_what_was_asked(self) -> None:
        """What it says about a text that was wrapped for it is news of that text (RCPT-3)."""
        self.take(LINPHONE_CPIM)
        asked = item(message(wants=ASKING))
        done = self.rig.edge.deliver(asked)
        self.answer(self.request(), 200)
        [ref] = self.refs(done)
        text = LINPHONE_IMDN_BODY.replace("1a1f905dfe0b2c3627c5ed81b99419f@iwf.test", ref.partition("|")[0])
        self.rig.receive(octets(LINPHONE_IMDN) + zlib.compress(text.encode()))
        event = self.rig.intake.events[-1]
        self.assertEqual((event.ref, event.outcome, ref), (ref_of_item(asked), Outcome.DISPLAYED, ref_of_item(asked)))

    def test_typing_that_expires(self) -> None:
        """Its typing expires as it is sent, by the headers, and counts for the time it says by itself (COMP-2)."""
        event = self.take(LINPHONE_COMPOSING)
        self.assertEqual((event.active, event.refresh), (True, 60.0))

    def test_no_content_length(self) -> None:
        """Over UDP its answers are without Content-Length (SIP-10)."""
        sent, done = self.deliver(message())
        answer = response_to(sent, 200, "Ok", "xSfot8R").to_bytes()
        self.assertIn(b"Content-Length: 0\r\n", answer)
        self.rig.receive(answer.replace(b"Content-Length: 0\r\n", b""))
        self.assertIsInstance(self.successResultOf(done), Accepted)


class WebTests(TrunkCase):
    """JsSIP 3.13.8 and SIP.js 0.21.2: a Call-ID that they have made themselves is a loop to them."""

    def refuse(self, sent: Request) -> None:
        self.rig.receive(octets(JSSIP_LOOP.format(via=sent.all("Via")[0], to=sent.get("To"), sender=sent.get("From"),
                                                  call_id=sent.call_id, cseq=sent.get("CSeq"))))

    def test_answer_in_their_thread(self) -> None:
        """An answer that keeps the Call-ID of the text it answers is refused with 482, and comes again with one of
        ours; later ones have such from the beginning, the same for the same thread (MSG-3)."""
        first, done = self.deliver(message(conversation=THEIRS))
        self.assertEqual(first.call_id, THEIRS)
        self.refuse(first)
        second = self.request()
        self.assertNotIn(THEIRS[:5], second.call_id)
        self.assertEqual(second.body, first.body)
        self.answer(second, 200)
        self.assertIsInstance(self.successResultOf(done), Accepted)
        for payload in (message("more", conversation=THEIRS),
                        Report("m1", ANA, BEN_AT_X, Failure(Reason.GONE), conversation=THEIRS)):
            sent, _ = self.deliver(payload)
            self.assertEqual(sent.call_id, second.call_id)

    def test_report(self) -> None:
        """What we say of a text that failed has its Call-ID, and comes again in the same way (MSG-33)."""
        first, done = self.deliver(Report("m1", ANA, BEN_AT_X, Failure(Reason.GONE), conversation=THEIRS))
        self.refuse(first)
        second = self.request()
        self.assertNotEqual(second.call_id, THEIRS)
        self.answer(second, 200)
        self.assertIsInstance(self.successResultOf(done), Accepted)

    def test_real_loop(self) -> None:
        """Who finds a loop in the second form as well is believed."""
        first, done = self.deliver(message(conversation=THEIRS))
        self.refuse(first)
        self.refuse(self.request())
        result = self.successResultOf(done)
        assert isinstance(result, Rejected)
        self.assertEqual((result.failure.reason, self.rig.sent()), (Reason.LOOP, []))

    def test_no_address(self) -> None:
        """The host of their Via does not exist; the answer goes back on the connection (RFC 7118 5)."""
        self.rig = Rig(WEB_SETTINGS)
        web = Web(self.rig)
        web.say(octets(SIPJS_MESSAGE))
        self.rig.intake.verdicts[0].callback(Taken("d"))
        answer = parse_message(web.said())
        assert isinstance(answer, Response)
        self.assertEqual((answer.status, answer.top_via.host), (202, "476gbsknhn5n.invalid"))


class OtherTests(TrunkCase):
    """PJSIP, libpurple, Twinkle and sipsak."""

    def test_pjsip_typing(self) -> None:
        """PJSIP does not say how long its typing lasts: two minutes then (COMP-2).  Not recorded."""
        event = self.take(changed(LINPHONE_COMPOSING, ("<refresh>60</refresh>", ""), ("Content-Length: 170\n", "")))
        self.assertEqual((event.active, event.refresh), (True, 120.0))

    def test_twinkle(self) -> None:
        """Twinkle sends a Subject, and no Contact, which has no business in a MESSAGE anyway (MSG-2, MSG-15).  Not
        recorded."""
        self.assertEqual(self.take(changed(MESSAGE_1_1, ("CSeq", "Subject: Re: tea\nCSeq"))).subject, "Re: tea")

    def test_libpurple_markup(self) -> None:
        """libpurple shows text as markup, and writes what looks like it; text stays text both ways.  Not recorded."""
        text = changed(MESSAGE_1_1, ("Content-Length: 11\n", ""), ("Grüße\nAna", "<b>1 &lt; 2</b>"))
        self.assertEqual(self.take(text).text, "<b>1 &lt; 2</b>")
        self.assertEqual(self.deliver(message("<b>1 &lt; 2</b>"))[0].body, b"<b>1 &lt; 2</b>")

    def test_libpurple_answer(self) -> None:
        """libpurple answers without a tag in To (RFC 2543).  Not recorded."""
        sent, done = self.deliver(message())
        self.rig.receive(response_to(sent, 200).to_bytes())
        self.assertIsInstance(self.successResultOf(done), Accepted)

    def test_libpurple_restarted(self) -> None:
        """libpurple begins with the same Call-ID and CSeq every time it is started: another text is another message,
        the same text a repetition (SIP-26).  Not recorded."""
        keys = []
        for text in ("Grüße\nAna", "Grüße\nEva", "Grüße\nAna"):
            self.rig = Rig()
            keys.append(self.take(changed(MESSAGE_1_1, ("Grüße\nAna", text))).key)
        self.assertNotEqual(keys[0], keys[1])
        self.assertEqual(keys[0], keys[2])

    def test_sipsak(self) -> None:
        """sipsak writes no brackets, and puts Max-Forwards behind Content-Length."""
        self.rig.receive(octets(SIPSAK_OPTIONS))
        answer = self.response()
        self.assertEqual((answer.status, answer.to.uri.port), (200, 5060))


class HomeTests(QuirkCase):
    """Clients that register at the gateway itself."""

    def setUp(self) -> None:
        self.rig = Rig(evolve(SETTINGS, registrar=evolve(HOME, without_qop=True)), memory=Memory())

    def register(self, text: str) -> Response:
        """Register with the password."""
        asked = parse_message(octets(text))
        assert isinstance(asked, Request)
        self.rig.receive(octets(text), PHONE)
        keyring = Keyring(Login("ana", "pw"), Ids(5))
        self.assertTrue(keyring.learn(asked, self.response()))
        repeated = keyring.repeated(asked, evolve(asked.top_via, params=(("branch", "z9hG4bKagain"),)))
        self.rig.receive(repeated.to_bytes(), PHONE)
        return self.response()

    def item(self, payload: object) -> Item:
        return item(payload, lane="sip:registrar")

    def test_baresip_contact(self) -> None:
        """baresip's contact has another user part than its address, and requests are written to that."""
        self.assertEqual(self.register(BARESIP_REGISTER).status, 200)
        done = self.rig.edge.deliver(self.item(message(target=ANA_AT_HOME)))
        sent = self.request()
        self.assertEqual((sent.target, str(sent.to)),
                         ("sip:ana-0x560e59393bb0@203.0.113.7:5062", "<sip:ana@home.example>"))
        self.answer(sent, 200)
        self.assertIsInstance(self.successResultOf(done), Accepted)

    def test_baresip_uuid(self) -> None:
        """A line end in baresip's uuid file tears its Contact in two: 400, and nothing worse (SIP-12)."""
        self.rig.receive(octets(changed(BARESIP_REGISTER, ('026509>"', '026509\n>"'))), PHONE)
        self.assertEqual(self.response().status, 400)

    def test_linphone_register(self) -> None:
        """liblinphone's REGISTER has no Content-Length, and extensions that it does not insist on (SIP-10, SIP-38)."""
        answer = self.register(LINPHONE_REGISTER)
        self.assertEqual((answer.status, answer.get("Contact")),
                         (200, "<sip:ana@203.0.113.7:5062;transport=udp>;expires=600"))

    def test_libpurple_password(self) -> None:
        """libpurple answers a challenge without qop, in a request with the branch and CSeq of the one that was
        challenged; that is no repetition (SIP-62).  Not recorded."""
        asked = parse_message(octets(LINPHONE_REGISTER))
        assert isinstance(asked, Request)
        self.rig.receive(octets(LINPHONE_REGISTER), PHONE)
        challenge = next(challenge for line in self.response().all("WWW-Authenticate")
                         for challenge in parse_challenges(line) if challenge.algorithm == "MD5")
        unsigned = Credentials("ana", challenge.realm, challenge.nonce, asked.target, algorithm="MD5")
        algorithm = algorithm_of("MD5")
        assert algorithm is not None
        signed = sign(unsigned, algorithm.secret("ana", challenge.realm, "pw"), "REGISTER")
        text = changed(LINPHONE_REGISTER, ("Expires:", f"Authorization: {signed}\nExpires:"))
        self.rig.receive(octets(text), PHONE)
        self.assertEqual(self.response().status, 200)

    def test_web_loop(self) -> None:
        """JsSIP and SIP.js get an answer in their thread in a second try, as behind a proxy (MSG-3)."""
        self.register(LINPHONE_REGISTER)
        done = self.rig.edge.deliver(self.item(message(target=ANA_AT_HOME, conversation=THEIRS)))
        first = self.request()
        self.answer(first, 482)
        second = self.request()
        self.assertEqual((first.call_id == THEIRS, second.call_id == THEIRS), (True, False))
        self.answer(second, 200)
        self.assertIsInstance(self.successResultOf(done), Accepted)

    def test_wrapped_for_linphone(self) -> None:
        """Who is registered here is asked for receipts as well, once he has shown that he understands it (RCPT-1);
        when he refuses, he gets the text (RCPT-2)."""
        self.register(LINPHONE_REGISTER)
        wrapped = message(target=ANA_AT_HOME, wants=ASKING)
        self.rig.edge.deliver(self.item(wrapped))
        self.assertEqual(self.request().get("Content-Type"), "text/plain;charset=utf-8")
        self.rig.edge._sender.habits.wrote(ANA_AT_HOME, "message/cpim", None)
        asked = self.item(wrapped)
        for status, kinds, refs in ((200, ["message/cpim"], (ref_of_item(asked),)),
                                    (415, ["message/cpim", "text/plain;charset=utf-8"], ())):
            done = self.rig.edge.deliver(asked)
            sent = []
            for answer in ([200] if status == 200 else [415, 200]):
                sent.append(self.request())
                self.answer(sent[-1], answer)
            self.assertEqual([each.get("Content-Type") for each in sent], kinds)
            self.assertEqual(self.refs(done), refs)

    def test_typing(self) -> None:
        """A device hears of typing only after its user has written, and not again when it refuses (COMP-4)."""
        self.register(BARESIP_REGISTER)
        typing = self.item(Composing(Party(BEN_AT_X), ANA_AT_HOME, True))
        self.assertIsInstance(self.successResultOf(self.rig.edge.deliver(typing)), Accepted)
        self.assertEqual(self.rig.sent(), [])
        self.rig.edge._sender.habits.wrote(ANA_AT_HOME, "text/plain", "text/plain")
        self.rig.edge.deliver(typing)
        self.answer(self.request(), 415)
        self.rig.edge.deliver(typing)
        self.assertEqual(self.rig.sent(), [])
