"""``iwf map``: an operator asks how somebody is written elsewhere."""

from __future__ import annotations

import json

from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapcmd import describe
from iwf.mapping.settings import Alias, Gateway
from tests.mapping.places import BOTH, GATEWAY, M, P, S, X


def shown(text: str, gateway: Gateway = GATEWAY) -> tuple[str | None, str | None, str | None]:
    """The three spellings."""
    found = describe(text, gateway)
    return found["xmpp"], found["sip"], found["sms"]


def reason(text: str, gateway: Gateway = GATEWAY) -> str:
    """The reason."""
    found = describe(text, gateway)["reason"]
    assert found is not None
    return found


class Map(SynchronousTestCase):
    """What the command says."""

    def test_keys(self) -> None:
        """The answer has four keys, in this order, whatever is asked."""
        for text in ("juliet@example.com", "nonsense at all", f"a@{S}"):
            self.assertEqual(list(describe(text, GATEWAY)), ["xmpp", "sip", "sms", "reason"])

    def test_jid(self) -> None:
        """An XMPP user is seen in SIP under the alias; his resource goes along (ADDR-17, 33)."""
        for text in ("Juliet@Example.com/Balcony 1", "xmpp:juliet@example.com/Balcony%201",
                     "xmpp://me@home.example/juliet@example.com/Balcony%201?message;body=x#y"):
            self.assertEqual(shown(text), ("juliet@example.com/Balcony 1",
                                           f"sip:juliet*example.com@{S};gr=Balcony%201", None))
        self.assertIn("ADDR-17, ADDR-33", reason("juliet@example.com/Balcony"))

    def test_sip_user(self) -> None:
        """A SIP user is seen in XMPP under the alias, folded and escaped (ADDR-16, 20, 30)."""
        for text in ("sip:O'Malley@SIP.example", "sips:o'malley@sip.example", "im:o'malley@sip.example",
                     "pres:o'malley@sip.example", "sip:o%27malley@sip.example;transport=tcp"):
            self.assertEqual(shown(text), (rf"o\27malley*sip.example@{X}", "sip:o'malley@sip.example", None))
        self.assertIn("ADDR-56", reason("sips:a@b.example"))
        self.assertIn("ADDR-30", reason("im:a@b.example"))

    def test_number_is_leased(self) -> None:
        """A user has no number before he writes to a phone (ADDR-47)."""
        for text in ("juliet@example.com", "sip:bob@sip.example"):
            self.assertIn("SMS: a number is leased at his first message to a phone (ADDR-47)", reason(text))

    def test_tenant_without_phones(self) -> None:
        """Without a link to an operator there will never be a number."""
        gateway = evolve(GATEWAY, links=())
        self.assertIn("SMS: tenant default has no link to phones", reason("juliet@example.com", gateway))

    def test_phone(self) -> None:
        """A phone is its number in every world (ADDR-38, 42)."""
        for text in ("+1555", "+1-5(5)5", "sms:+1-555?body=hello", "sms:%2B1555", "tel:+1-555",
                     "tel:+1555;x=y", f"+1555@{M}", f"sip:+1555@{P};user=phone", f"+1555@{P}"):
            self.assertEqual(shown(text), (f"+1555@{M}", f"sip:+1555@{P};user=phone", "+1555"), text)
        self.assertIn("ADDR-38", reason("+1555"))

    def test_short_code(self) -> None:
        """A short code is a phone; its operator goes along where he is known (ADDR-37, 39)."""
        self.assertEqual(shown("12345"), (f"12345@{M}", f"sip:12345@{P};user=phone", "12345"))
        text = "tel:12345;phone-context=op.example"
        self.assertEqual(shown(text), (f"12345;phone-context=op.example@{M}",
                                       f"sip:12345;phone-context=op.example@{P}", "12345"))
        self.assertIn("operator op.example (ADDR-39)", reason(text))

    def test_several_recipients(self) -> None:
        """Of several recipients the first is shown (ADDR-42)."""
        self.assertEqual(shown("sms:+1555,+1556")[2], "+1555")
        self.assertIn("first of 2 recipients (ADDR-42)", reason("sms:+1555,+1556"))

    def test_image(self) -> None:
        """An image leads to the user behind it (ADDR-18)."""
        self.assertEqual(shown(f"sip:juliet*example.com@{S}:5060"),
                         ("juliet@example.com", f"sip:juliet*example.com@{S}", None))
        self.assertEqual(shown(f"Bob*sip.example@{X}"), (f"bob*sip.example@{X}", "sip:bob@sip.example", None))
        self.assertIn("ADDR-18", reason(f"bob*sip.example@{X}"))

    def test_image_without_scheme(self) -> None:
        """An image copied from SIP without its scheme is understood by its domain."""
        self.assertEqual(shown(f"juliet*example.com@{S}"), shown(f"sip:juliet*example.com@{S}"))
        self.assertIn("read as a SIP address", reason(f"juliet*example.com@{S}"))

    def test_direct(self) -> None:
        """In a domain of both worlds only the escapes differ (ADDR-26, 27)."""
        for text in (rf"o\27malley@{BOTH}", f"sip:o'malley@{BOTH}"):
            self.assertEqual(shown(text), (rf"o\27malley@{BOTH}", f"sip:o'malley@{BOTH}", None))

    def test_nobody_behind_an_image(self) -> None:
        """Where nobody is behind an image, the rule that says so is named."""
        for text, rule in ((f"nostar@{X}", "ADDR-13"), (f"sip:a*@{S}", "ADDR-15"), (f"a*{S}@{X}", "ADDR-23"),
                           ("sip:a*b.example@xmpp.acme.example", "ADDR-25"), (f"my\\20bank@{M}", "ADDR-41"),
                           (f"12@{M}", "ADDR-36"), (f"sip:a%20*b.example@{S}", "ADDR-9")):
            self.assertEqual(shown(text), (None, None, None))
            self.assertIn(rule, reason(text))

    def test_user_without_image(self) -> None:
        """A user who cannot be imaged keeps his own address, with the rule (ADDR-16, 25)."""
        self.assertEqual(shown("sip:stra%C3%9Fe@b.example"), (None, "sip:stra%C3%9Fe@b.example", None))
        self.assertIn("XMPP: no image, his address cannot be written in that world (ADDR-16, ADDR-21)",
                      reason("sip:stra%C3%9Fe@b.example"))
        gateway = evolve(GATEWAY, aliases=tuple(a for a in GATEWAY.aliases if a.tenant == "acme"))
        self.assertEqual(shown("juliet@example.com", gateway), ("juliet@example.com", None, None))
        self.assertIn("ADDR-25", reason("juliet@example.com", gateway))

    def test_jid_that_is_not_canonical(self) -> None:
        """A JID with an escape that stands for nothing has no image (ADDR-12)."""
        self.assertEqual(shown(r"a\5cb@example.com"), (None, None, None))
        self.assertIn("escape that stands for nothing", reason(r"a\5cb@example.com"))

    def test_not_an_address(self) -> None:
        """What cannot be read is said to be no address, and why."""
        for text in ("", "@", "a@", "a b@c", "mailto:a@b.example", "sip:", "sip:a@b@c", "tel:x", "sms:x",
                     "sms:", "xmpp:%FF@h.example", "sip:%FF@h.example", "xmpp:", "+", "+1234567890123456"):
            self.assertEqual(shown(text), (None, None, None), text)
            self.assertTrue(reason(text).startswith("This is no address: "), text)

    def test_first_tenant_and_the_others(self) -> None:
        """The first tenant that serves a user is shown, the others are named (ADDR-25)."""
        text = "juliet@acme-xmpp.example"
        self.assertEqual(shown(text)[1], f"sip:juliet*acme-xmpp.example@{S}")
        self.assertIn("tenant default;", reason(text))
        self.assertIn("also served by acme", reason(text))
        gateway = evolve(GATEWAY, aliases=tuple(a for a in GATEWAY.aliases if a.tenant == "acme"))
        self.assertEqual(shown(text, gateway)[1], "sip:juliet*acme-xmpp.example@xmpp.acme.example")
        self.assertIn("tenant acme;", reason(text, gateway))

    def test_international_domains(self) -> None:
        """A domain is spelled in letters in XMPP, in A-labels elsewhere (ADDR-14)."""
        self.assertEqual(shown("juliet@bücher.example")[:2],
                         ("juliet@bücher.example", f"sip:juliet*xn--bcher-kva.example@{S}"))
        self.assertEqual(shown(f"bob*bücher.example@{X}")[:2],
                         (f"bob*xn--bcher-kva.example@{X}", "sip:bob@xn--bcher-kva.example"))

    def test_alias_as_configured(self) -> None:
        """An alias domain is spelled as the XMPP server knows it (XMPP-5)."""
        gateway = Gateway("g", "s", (Alias("SIP.Example", "xmpp", "sip", "xmpp:SIP.Example"),))
        self.assertEqual(shown("sip:bob@h.example", gateway)[0], "bob*h.example@SIP.Example")

    def test_empty_configuration(self) -> None:
        """Without connectors nobody is seen anywhere."""
        self.assertEqual(shown("juliet@example.com", Gateway("g", "s")), (None, None, None))

    @given(st.one_of(st.text(max_size=30), st.text("ab*\\27@%:/+1;=?sipxmtel.", max_size=30),
                     st.builds("{}:{}".format, st.sampled_from(("sip", "sips", "tel", "sms", "im", "xmpp")),
                               st.text("ab*\\27@%:/+1;=?é. ", max_size=20)),
                     st.builds("{}@{}".format, st.text(max_size=10), st.sampled_from((X, S, M, P, BOTH)))))
    @settings(max_examples=200, deadline=None, database=None,
              suppress_health_check=[HealthCheck.too_slow])
    def test_anything(self, text: str) -> None:
        """Any text has an answer that can be printed as JSON."""
        found = describe(text, GATEWAY)
        self.assertEqual(json.loads(json.dumps(found)), found)
        self.assertTrue(found["reason"])
