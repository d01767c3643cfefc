"""Stanza errors and failures."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Failure, Reason
from iwf.xmpp.elements import octets_of
from iwf.xmpp.reasons import NS_STANZAS, error_of_failure, error_reply, failure_of_error
from tests.xmpp.kit import COMPONENT, message, parse

# Reason, condition, type: what an XMPP user is told (ERR 8.2, 8.3, 8.4; table of section 6).
TOLD = """
malformed               bad-request              modify
malformed-address       jid-malformed            modify
unsupported-address     not-acceptable           modify
unknown-recipient       item-not-found           cancel
gone                    gone                     cancel
redirected              redirect                 modify
unknown-domain          remote-server-not-found  cancel
forbidden               forbidden                auth
not-allowed             not-allowed              cancel
not-authenticated       not-authorized           auth
registration-required   registration-required    auth
subscription-required   subscription-required    auth
refused                 not-acceptable           modify
not-acceptable          not-acceptable           modify
unsupported-content     not-acceptable           modify
not-supported           feature-not-implemented  cancel
not-offered             service-unavailable      cancel
policy                  policy-violation         modify
too-big                 policy-violation         modify
unavailable             recipient-unavailable    wait
deleted                 recipient-unavailable    cancel
expired                 remote-server-timeout    wait
timeout                 remote-server-timeout    wait
unreachable             remote-server-timeout    wait
congested               resource-constraint      wait
too-fast                policy-violation         wait
exhausted               resource-constraint      wait
loop                    not-acceptable           modify
conflict                conflict                 cancel
unexpected              unexpected-request       wait
internal                internal-server-error    cancel
undefined               undefined-condition      cancel
unknown-fault           undefined-condition      cancel
"""

# Condition, type, reason, whether an SMSC may try again (ERR 8.1, 8.5).
HEARD = """
bad-request              modify  malformed              no
conflict                 cancel  conflict               no
feature-not-implemented  cancel  not-supported          no
feature-not-implemented  modify  not-supported          no
forbidden                auth    forbidden              no
gone                     cancel  gone                   no
internal-server-error    cancel  internal               yes
item-not-found           cancel  unknown-recipient      no
jid-malformed            modify  malformed-address      no
not-acceptable           modify  not-acceptable         no
not-allowed              cancel  not-allowed            no
not-authorized           auth    not-authenticated      yes
policy-violation         modify  policy                 no
policy-violation         wait    policy                 no
recipient-unavailable    wait    unavailable            yes
redirect                 modify  redirected             no
registration-required    auth    registration-required  no
remote-server-not-found  cancel  unknown-domain         no
remote-server-timeout    wait    timeout                yes
resource-constraint      wait    exhausted              yes
service-unavailable      cancel  not-offered            no
subscription-required    auth    subscription-required  no
undefined-condition      cancel  undefined              no
undefined-condition      wait    undefined              yes
unexpected-request       wait    unexpected             yes
unexpected-request       modify  unexpected             yes
"""


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def error(inner: str, sender: str = "ben@xmpp.example", type: str = "cancel") -> Failure:
    content = f"<error type='{type}'>{inner}</error>"
    return failure_of_error(message(content, type="error", from_=sender))


def condition(name: str, text: str = "") -> str:
    return f"<{name} xmlns='{NS_STANZAS}'>{text}</{name}>"


class ToldTests(SynchronousTestCase):
    """From a failure to an error stanza."""

    def test_table(self) -> None:
        """Every reason has the condition and type that ERR 8.2 to 8.4 ask for."""
        table = rows(TOLD)
        self.assertEqual({row[0] for row in table}, {reason.value for reason in Reason})
        for reason, name, type in table:
            self.assertEqual(error_of_failure(Failure(Reason(reason))), (name, type))

    def test_fault_that_passes(self) -> None:
        """A 500 or 503 with Retry-After is worth waiting for, and the text says so (ERR-9)."""
        failure = Failure(Reason.INTERNAL, permanent=False, retry_after=120.0, text="Busy")
        self.assertEqual(error_of_failure(failure), ("internal-server-error", "wait"))
        self.assertIn(
            b">Busy (retry after 120 s)</text>",
            octets_of(error_reply(message(), COMPONENT, failure)),
        )

    def test_wire(self) -> None:
        """The stanza is that of example 1.4 (ERR-2)."""
        failure = Failure(Reason.UNKNOWN_RECIPIENT, text="Not Found", detail="of no concern")
        self.assertEqual(
            octets_of(error_reply(message(), COMPONENT, failure)).decode(),
            "<message type='error' from='ana*sip.example@s.xmpp.example' to='ben@xmpp.example/pc' "
            "id='m42'><error type='cancel' by='s.xmpp.example'>"
            "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
            "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>Not Found</text>"
            "</error></message>",
        )

    def test_new_address(self) -> None:
        """Gone and redirect carry the new address as text (ERR-6); others never do."""
        for reason, expected in ((Reason.GONE, True), (Reason.FORBIDDEN, False)):
            failure = Failure(reason, elsewhere="sip:new@sip.example")
            octets = octets_of(error_reply(message(), COMPONENT, failure))
            self.assertEqual(b">sip:new@sip.example<" in octets, expected)

    def test_text_is_legal(self) -> None:
        """A reason phrase with control characters does not break the stream (XMPP-12)."""
        failure = Failure(Reason.REFUSED, text="a\x00b\ud800<")
        octets = octets_of(error_reply(message(), COMPONENT, failure))
        self.assertIn("a\ufffdb\ufffd&lt;".encode(), octets)
        parse(octets)


class HeardTests(SynchronousTestCase):
    """From an error stanza to a failure."""

    def test_table(self) -> None:
        """Every condition has the reason that ERR 8.1 and 8.5 ask for."""
        for name, type, reason, passing in rows(HEARD):
            failure = error(condition(name), type=type)
            self.assertIs(failure.reason, Reason(reason), name)
            self.assertEqual(failure.permanent, passing == "no", name)

    def test_full_and_bare(self) -> None:
        """An error from a bare JID holds for all devices of the recipient (ERR-5)."""
        self.assertTrue(error(condition("item-not-found")).everywhere)
        self.assertFalse(error(condition("item-not-found"), "ben@xmpp.example/pc").everywhere)

    def test_text(self) -> None:
        """The text is carried over, on one line and of reasonable length (ERR-3)."""
        text = f"<text xmlns='{NS_STANZAS}'> no &#13;&#10;Via: x{'y' * 2000}</text>"
        failure = error(condition("forbidden") + text)
        self.assertTrue(failure.text.startswith("no  Via: xyyy"))
        self.assertEqual(len(failure.text), 1000)

    def test_new_address(self) -> None:
        """A new address is read as URI, or made one when it is a JID; others are dropped (ERR-6)."""
        for text, uri in {
            "xmpp:new@x.example": "xmpp:new@x.example",
            "new@x.example/a b": "xmpp:new@x.example/a%20b",
            "sip:a@b": "sip:a@b",
            "": "",
            "two words:": "xmpp:two%20words%3A",
            "sip:a@b&#13;&#10;Via: x": "",
        }.items():
            self.assertEqual(error(condition("gone", text)).elsewhere, uri, text)
        self.assertEqual(error(condition("forbidden", "sip:a@b")).elsewhere, "")

    def test_unreadable(self) -> None:
        """An error that says nothing we know is undefined, and permanent."""
        for inner in ("", "<error/>", "<error><bad-request/></error>", "<error>x</error>"):
            failure = failure_of_error(message(inner, type="error"))
            self.assertEqual((failure.reason, failure.permanent), (Reason.UNDEFINED, True))
