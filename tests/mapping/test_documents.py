"""The documents of the IETF that cross the gateway: message/cpim, IMDN, isComposing."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping import composing, cpim, imdn, xmldoc
from iwf.mapping.composing import IsComposing, IsComposingFault
from iwf.mapping.cpim import Cpim, CpimFault, Header
from iwf.mapping.imdn import HEADERS, Imdn, ImdnFault
from iwf.mapping.model import Outcome

quick = settings(max_examples=60, deadline=None)

#: Text as XML can hold it, without the white space around it that nobody means.
texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20).map(
    lambda text: text.strip().replace("\ufffe", "").replace("\uffff", ""))
words = st.text("abcXYZ-09", min_size=1, max_size=8)
values = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)

headers = st.builds(Header, words.filter(lambda name: name != "NS"), values,
                    st.sampled_from(["", HEADERS, "urn:x:other", "http://one.test/\u00e9"]),
                    st.sampled_from(["", "cs", "en-GB"]))
mime = st.tuples(words, st.text("abc/; =\"-", max_size=20).map(str.strip))
messages = st.builds(Cpim, st.lists(headers, max_size=5).map(tuple),
                     st.lists(mime, max_size=3).map(tuple), st.binary(max_size=60))

delivery = st.tuples(st.just("delivery"), st.sampled_from(
    [Outcome.DELIVERED, Outcome.FAILED, Outcome.FORBIDDEN, Outcome.UNKNOWN]))
display = st.tuples(st.just("display"), st.sampled_from(
    [Outcome.DISPLAYED, Outcome.FORBIDDEN, Outcome.UNKNOWN]))
processing = st.tuples(st.just("processing"), st.sampled_from(
    [Outcome.PROCESSED, Outcome.STORED, Outcome.FORBIDDEN, Outcome.UNKNOWN]))

#: Octets that look like something until they do not.
wild = st.one_of(
    st.binary(max_size=80),
    st.tuples(st.sampled_from([
        b"From: <sip:a@b>\r\n\r\nContent-Type: text/plain\r\n\r\nhi",
        imdn.build(Imdn("m", Outcome.DELIVERED)), composing.build(IsComposing(True, 90))]),
        st.integers(0, 400), st.binary(max_size=4)).map(
            lambda cut: cut[0][:cut[1]] + cut[2] + cut[0][cut[1] + 2:]))

BOMB = b"""<?xml version="1.0"?><!DOCTYPE imdn [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>
<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>&b;</message-id></imdn>"""


class CpimTests(SynchronousTestCase):
    """message/cpim (RFC 3862)."""

    def test_message_of_the_examples(self) -> None:
        """The message of example 1.2 is written as there, octet for octet (RCPT-1)."""
        message = Cpim((
            Header("From", "<sip:ben*xmpp.example@x.sip.example>"),
            Header("To", "<sip:ana@sip.example>"),
            Header("Message-ID", "9dK2vQ0mT7xY4bRe", HEADERS),
            Header("DateTime", "2026-03-01T10:15:00Z"),
            Header("Disposition-Notification", "positive-delivery, negative-delivery", HEADERS)),
            (("Content-Type", "text/plain; charset=utf-8"),), b"hi")
        self.assertEqual(
            b"From: <sip:ben*xmpp.example@x.sip.example>\r\nTo: <sip:ana@sip.example>\r\n"
            b"NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: 9dK2vQ0mT7xY4bRe\r\n"
            b"DateTime: 2026-03-01T10:15:00Z\r\n"
            b"imdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n"
            b"Content-Type: text/plain; charset=utf-8\r\n\r\nhi", cpim.build(message))

    @quick
    @given(messages)
    @example(Cpim((Header("Subject", " \\u0041\r\n\u2028 ", language="cs"),), (), b"\r\n\r\n"))
    @example(Cpim())
    def test_round_trip(self, message: Cpim) -> None:
        """What is written is read as it was, whatever the values and the content hold."""
        self.assertEqual(message, cpim.parse(cpim.build(message)))

    def test_another_prefix(self) -> None:
        """A sender may call the namespace as he likes, or use the usual prefix undeclared."""
        for octets in (b"NS: x <urn:ietf:params:imdn>\r\nx.Message-ID: 1\r\n\r\n\r\n",
                       b"NS: <urn:ietf:params:imdn>\r\nMessage-ID: 1\r\n\r\n\r\n",
                       b"imdn.message-id: 1\n\n\n"):
            self.assertEqual("1", cpim.parse(octets).get("Message-ID", HEADERS))

    def test_language_and_escapes(self) -> None:
        """A subject says its language, and escapes stand for characters (RFC 3862 2.3, MSG-15)."""
        message = cpim.parse(b'Subject:;lang=cs a\\tb\\u00e9\\\\\\ud83d\\ude00\r\n\r\n\r\n')
        self.assertEqual((Header("Subject", "a\tb\u00e9\\\U0001f600", language="cs"),),
                         message.headers)

    def test_no_message(self) -> None:
        """What has no blank line, no colon, no declared prefix or no UTF-8 is refused."""
        for octets in (b"", b"From: a", b"From: a\r\n\r\n", b"From a\r\n\r\n\r\n",
                       b"z.Name: 1\r\n\r\n\r\n", b"NS: z\r\n\r\n\r\n",
                       b"A: \xff\r\n\r\n\r\n", b"A: 1\r\n\r\nno header\r\n\r\n"):
            self.assertRaises(CpimFault, cpim.parse, octets)


class ImdnTests(SynchronousTestCase):
    """message/imdn+xml (RFC 5438)."""

    def test_notification_of_the_examples(self) -> None:
        """The notification of example 1.3 is written as there, octet for octet."""
        one = Imdn("9dK2vQ0mT7xY4bRe", Outcome.DELIVERED, "delivery", "2026-03-01T10:15:00Z",
                   "sip:ana@sip.example")
        self.assertEqual(
            b'<?xml version="1.0" encoding="UTF-8"?>\n<imdn xmlns="urn:ietf:params:xml:ns:imdn">'
            b"<message-id>9dK2vQ0mT7xY4bRe</message-id><datetime>2026-03-01T10:15:00Z</datetime>"
            b"<recipient-uri>sip:ana@sip.example</recipient-uri><delivery-notification><status>"
            b"<delivered/></status></delivery-notification></imdn>", imdn.build(one))

    @quick
    @given(texts.filter(bool), st.one_of(delivery, display, processing), texts, texts, texts)
    def test_round_trip(self, id: str, what: tuple[str, Outcome], datetime: str, recipient: str,
                        original: str) -> None:
        """What is written is read as it was."""
        one = Imdn(id, what[1], what[0], datetime, recipient, original)
        self.assertEqual(one, imdn.parse(imdn.build(one)))

    def test_outcome_of_another_kind(self) -> None:
        """A delivery notification does not say that a message was shown."""
        self.assertRaises(ValueError, imdn.build, Imdn("1", Outcome.DISPLAYED, "delivery"))
        self.assertRaises(ImdnFault, imdn.parse,
                          b'<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>1</message-id>'
                          b"<delivery-notification><status><displayed/></status>"
                          b"</delivery-notification></imdn>")

    def test_stranger_elements(self) -> None:
        """Elements of other makers and prefixes do not disturb."""
        one = imdn.parse(b'<i:imdn xmlns:i="urn:ietf:params:xml:ns:imdn" xmlns="urn:x">'
                         b"<ext/><i:message-id> 1 </i:message-id><i:display-notification><i:status>"
                         b"<i:displayed/></i:status></i:display-notification></i:imdn>")
        self.assertEqual(Imdn("1", Outcome.DISPLAYED, "display"), one)

    def test_entity_bomb(self) -> None:
        """A document with entities of its own is refused before any is expanded."""
        with self.assertRaises(ImdnFault) as caught:
            imdn.parse(BOMB)
        self.assertIn("document type", str(caught.exception))


class IsComposingTests(SynchronousTestCase):
    """application/im-iscomposing+xml (RFC 3994)."""

    def test_document(self) -> None:
        """The document is that of COMP-1, octet for octet."""
        self.assertEqual(
            b'<?xml version="1.0" encoding="UTF-8"?>\n'
            b'<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state>'
            b"<contenttype>text/plain</contenttype><refresh>90</refresh></isComposing>",
            composing.build(IsComposing(True, 90, "text/plain")))

    @quick
    @given(st.builds(IsComposing, st.booleans(), st.none() | st.integers(0, 3600), texts, texts))
    def test_round_trip(self, one: IsComposing) -> None:
        """What is written is read as it was."""
        self.assertEqual(one, composing.parse(composing.build(one)))

    def test_unknown_state(self) -> None:
        """A state nobody knows counts as idle, an absurd refresh as an hour."""
        one = composing.parse(b'<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>'
                              b"dancing</state><refresh>99999999999999</refresh></isComposing>")
        self.assertEqual(IsComposing(False, 3600), one)


class HostileTests(SynchronousTestCase):
    """No octets do more than earn a refusal."""

    @settings(max_examples=300, deadline=None)
    @given(wild)
    @example(b"<?xml version='1.0' encoding='utf-7'?><a/>")
    @example(b"<?xml version='1.0' encoding='rot13'?><a/>")
    @example(b"\xff\xfe<\x00a\x00/\x00>\x00")
    @example(b"<a xmlns='urn:}x'><b:c/></a>")
    @example(BOMB)
    def test_any_octets(self, octets: bytes) -> None:
        """Any octets are read or refused by the documented error."""
        readers: tuple[tuple[Callable[[bytes], object], type[Exception]], ...] = (
            (cpim.parse, CpimFault), (imdn.parse, ImdnFault), (composing.parse, IsComposingFault))
        for parse, fault in readers:
            try:
                parse(octets)
            except fault:
                pass

    def test_limits(self) -> None:
        """Depth and size are bounded."""
        for octets in (b"<a>" * 100 + b"</a>" * 100, b"<a>" + b"x" * 70_000 + b"</a>"):
            self.assertRaises(xmldoc.XmlFault, xmldoc.parse, octets)
