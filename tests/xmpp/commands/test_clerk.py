"""Commands on a component's stream: discovery, forms, errors, and whatever else comes in."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from iwf.edge import Ignored
from iwf.ids import Ids
from iwf.mapping.model import TEL, XMPP, Address, Failure, Message, Reason, Refused, Released, Remember, Taken, Told
from iwf.xmpp.commands.catalogue import commands_of
from iwf.xmpp.commands.clerk import Clerk
from iwf.xmpp.commands.dialogs import Dialogs
from iwf.xmpp.commands.office import MOST_LOGINS, Office
from iwf.xmpp.commands.registry import Registry
from iwf.xmpp.elements import attribute, children, text_of
from iwf.xmpp.explain import Explainer
from iwf.xmpp.settings import XmppSettings
from tests.xmpp.kit import PHONE_COMPONENT, PHONES, Core, parse

COMMANDS = "http://jabber.org/protocol/commands"
PHONE, JID = "+491701234567", "joe@xmpp.example/desk"
CONTACT = Address(XMPP, "eve", "b.com")


class Insight:
    """One contact, two connectors."""

    def contacts(self, phone: Address) -> list[tuple[str, Address]]:
        return [("X1", CONTACT)] if phone == Address(TEL, PHONE) else []

    def connectors(self) -> list[tuple[str, bool, int]]:
        return [("smpp:operator", True, 2), ("xmpp:sms.xmpp.example", False, 3)]


class Memory:
    """Nothing is remembered yet."""

    def recall(self, edge: str) -> list[tuple[str, str]]:
        return []


class Accounts:
    """Lets in whoever knows the word."""

    is_offered = True

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def account_of(self, number: str) -> str:
        return self.known.get(number, "")

    def enrol(self, number: str, jid: str, password: str, by: str) -> Deferred[Failure | None]:
        if password != " right ":
            return succeed(Failure(Reason.NOT_AUTHENTICATED, text="the server does not accept it"))
        self.known[number] = jid
        return succeed(None)

    def withdraw(self, number: str) -> Deferred[Failure | None]:
        return succeed(None if self.known.pop(number, "") else Failure(Reason.UNKNOWN_RECIPIENT))


class ClerkCase(SynchronousTestCase):
    """A clerk of the component for phones."""

    def setUp(self) -> None:
        self.clock, self.core, self.accounts, self.written = Clock(), Core(), Accounts(), []
        accounts: Any = self.accounts
        office = Office(PHONE_COMPONENT, self.clock, self.core, Ids(seed=5), Memory(), Insight(), accounts)
        self.dialogs = Dialogs(commands_of(office, True, True), frozenset({"xmpp:boss@xmpp.example"}), Ids(seed=6))
        self.written: list[bytes] = []
        self.clerk = Clerk(PHONE_COMPONENT, self.dialogs, self.clock, self.written.append)
        self.registry = Registry(PHONE_COMPONENT, office, self.written.append)

    def iq(self, inner: str, type: str = "set", sender: str = JID, to: str = "sms.xmpp.example") -> Element | None:
        """The answer to an iq; None when it is not the clerk's."""
        del self.written[:]
        taken = self.clerk.takes(parse(f"<iq type='{type}' id='i1' from={quoteattr(sender)} to='{to}'>{inner}</iq>"))
        self.assertEqual(len(self.written), int(taken))
        return parse(self.written[0]) if taken else None

    def give(self, node: str, session: str = "", action: str = "", form: dict[str, str] | None = None,
             sender: str = JID) -> Element:
        fields = "".join(f"<field var='{var}'><value>{escape(value)}</value></field>"
                         for var, value in (form or {}).items())
        x = f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>" if form is not None else ""
        answer = self.iq(f"<command xmlns='{COMMANDS}' node='{node}' sessionid='{session}' action='{action}'>"
                         f"{x}</command>", sender=sender)
        assert answer is not None
        return answer

    def command_in(self, answer: Element) -> Element:
        self.assertEqual(attribute(answer, "type"), "result", answer.toXml())
        command, = children(answer)
        return command

    def note(self, answer: Element) -> tuple[str, str]:
        note, = (one for one in children(self.command_in(answer)) if one.name == "note")
        return attribute(note, "type"), text_of(note)

    def run_command(self, node: str, *forms: dict[str, str], sender: str = JID) -> Element:
        """All steps of a command; the last answer."""
        answer = self.give(node, sender=sender)
        for form in forms:
            session = attribute(self.command_in(answer), "sessionid")
            answer = self.give(node, session, "", form, sender)
        return answer

    def conditions(self, answer: Element) -> list[str]:
        self.assertEqual(attribute(answer, "type"), "error")
        error = next(one for one in children(answer) if one.name == "error")
        return [one.name for one in children(error)]

    def register(self, sender: str = JID) -> Element:
        """The phone is his: he enters the code that was sent."""
        answer = self.give("register-phone", sender=sender)
        session = attribute(self.command_in(answer), "sessionid")
        self.give("register-phone", session, "next", {"phone": "0049 170/1234567"}, sender)
        told = [event for event in self.core.events if isinstance(event, Told)][-1]
        self.assertEqual(told.phone, Address(TEL, PHONE))
        return self.give("register-phone", session, "complete", {"code": told.text[:6]}, sender)


class CommandTests(ClerkCase):
    """What users do."""

    def test_register(self) -> None:
        """A code goes to the phone, and who enters it has the phone (XMPP-32)."""
        self.assertEqual(self.note(self.register()), ("info", f"{PHONE} is your telephone."))
        remembered = [event for event in self.core.events if isinstance(event, Remember)]
        self.assertEqual([(event.key, event.text) for event in remembered], [("xmpp:joe@xmpp.example", PHONE)])

    def test_another_owner(self) -> None:
        """Who proves later that the phone is his takes it from the one before, with his account."""
        self.register()
        self.run_command("enrol-account", {"jid": "joe@a.com", "password": " right "})
        self.register("eve@xmpp.example/x")
        self.assertEqual(self.accounts.known, {})
        self.assertEqual(self.note(self.run_command("list-contacts"))[0], "error")

    def test_code_not_sent(self) -> None:
        """A number that no text can be sent to is told at once."""
        self.core.verdict = Refused(Failure(Reason.UNKNOWN_RECIPIENT, text="no way to this number"))
        self.assertEqual(self.note(self.run_command("register-phone", {"phone": PHONE})),
                         ("error", "no way to this number."))

    def test_wrong_codes(self) -> None:
        """Three wrong codes end it; a text that is no number is asked for again."""
        answer = self.run_command("register-phone", {"phone": "me"}, {"phone": PHONE}, {"code": "no"}, {"code": "no"})
        self.assertEqual(self.note(answer), ("warn", "The code is wrong."))
        answer = self.give("register-phone", attribute(self.command_in(answer), "sessionid"), "", {"code": "no"})
        self.assertEqual(self.note(answer)[0], "error")

    def test_send(self) -> None:
        """A text by a form is a text of the user himself."""
        self.assertEqual(self.note(self.run_command("send-sms", {"to": PHONE, "text": "hi"}))[0], "info")
        sent, = self.core.events
        assert isinstance(sent, Message)
        self.assertEqual((sent.origin.address.user, sent.origin.asserted_by, sent.target.user, sent.text),
                         ("joe", PHONE_COMPONENT.lane, PHONE, "hi"))

    def test_enrol(self) -> None:
        """The password is taken as it is, spaces included; a wrong one is told; withdrawn by command."""
        self.assertEqual(self.note(self.run_command("enrol-account"))[0], "error")  # no phone yet
        self.register()
        wrong = self.run_command("enrol-account", {"jid": "joe@a.com", "password": "right"})
        self.assertEqual(self.note(wrong), ("error", "the server does not accept it."))
        right = self.run_command("enrol-account", {"jid": "joe@a.com", "password": " right "})
        self.assertEqual(self.note(right), ("info", f"{PHONE} is joe@a.com now."))
        self.assertEqual(self.note(self.run_command("withdraw-account"))[0], "info")
        self.assertEqual(self.note(self.run_command("withdraw-account"))[0], "error")

    def test_guessing(self) -> None:
        """Nobody tries more than a few passwords an hour by way of the gateway."""
        self.register()
        for _ in range(MOST_LOGINS):
            self.run_command("enrol-account", {"jid": "joe@a.com", "password": "guess"})
        right = {"jid": "joe@a.com", "password": " right "}
        self.assertIn("too many", self.note(self.run_command("enrol-account", right))[1])
        self.clock.advance(3601)
        self.assertEqual(self.note(self.run_command("enrol-account", right))[0], "info")

    def test_password_is_asked_for_in_private(self) -> None:
        """The form has a field that clients do not show, and no answer shows what was entered."""
        self.register()
        answer = self.give("enrol-account")
        self.assertIn("text-private", answer.toXml())
        session = attribute(self.command_in(answer), "sessionid")
        again = self.give("enrol-account", session, "", {"jid": "", "password": "hunter2"})
        self.assertNotIn("hunter2", again.toXml())

    def test_contacts(self) -> None:
        """A table of numbers and contacts."""
        self.register()
        self.assertIn("xmpp:eve@b.com", self.run_command("list-contacts").toXml())

    def test_administrators(self) -> None:
        """Statistics, connections, release of a number; for administrators alone (XMPP-33)."""
        boss = "boss@xmpp.example/x"
        self.assertIn("smpp:operator", self.run_command("links", sender=boss).toXml())
        self.assertIn("<value>5</value>", self.run_command("stats", sender=boss).toXml())
        self.run_command("release-number", {"phone": PHONE, "number": "X1"}, sender=boss)
        self.assertEqual(self.core.events, [Released(Address(TEL, PHONE), "X1")])
        self.assertEqual(self.conditions(self.give("links")), ["forbidden"])


class RegistrationTests(ClerkCase):
    """XEP-0077, for clients that know no commands (XMPP-31)."""

    def register_iq(self, inner: str = "", type: str = "set", to: str = "sms.xmpp.example") -> list[Element]:
        del self.written[:]
        iq = parse(f"<iq type='{type}' id='r1' from='{JID}' to='{to}'><query xmlns='jabber:iq:register'>{inner}"
                   "</query></iq>")
        return [parse(one) for one in self.written] if self.registry.takes(iq) else []

    def code(self) -> str:
        return [event for event in self.core.events if isinstance(event, Told)][-1].text[:6]

    def test_in_two_steps(self) -> None:
        """First the number, then the code that was sent to it; then it says so."""
        asked, = self.register_iq(type="get")
        self.assertIn("var='phone'", asked.toXml())
        self.assertNotIn("<registered", asked.toXml())
        self.assertEqual(attribute(self.register_iq(f"<phone>{PHONE}</phone>")[0], "type"), "result")
        asked, = self.register_iq(type="get")
        self.assertIn("var='code'", asked.toXml())
        form = f"<x xmlns='jabber:x:data' type='submit'><field var='code'><value>{self.code()}</value></field></x>"
        self.assertEqual(attribute(self.register_iq(form)[0], "type"), "result")
        asked, = self.register_iq(type="get")
        self.assertIn("<registered", asked.toXml())
        self.assertIn(PHONE, asked.toXml())

    def test_errors(self) -> None:
        """No number, a wrong code, a form that is none, nothing to remove."""
        for inner, condition in (("<phone>me</phone>", "not-acceptable"), ("", "not-acceptable"),
                                 ("<misc>123456</misc>", "not-acceptable"),
                                 ("<x xmlns='jabber:x:data' type='form'/>", "bad-request"),
                                 ("<remove/>", "registration-required")):
            answer, = self.register_iq(inner)
            self.assertEqual(self.conditions(answer)[0], condition, inner)
        self.assertEqual(self.register_iq(to="+49@sms.xmpp.example"), [])

    def test_removed(self) -> None:
        """The phone is his no more, his account is withdrawn, and the gateway leaves his roster (XEP-0100)."""
        self.register()
        self.run_command("enrol-account", {"jid": "joe@a.com", "password": " right "})
        del self.written[:]
        iq = parse(f"<iq type='set' id='r1' from='{JID}' to='sms.xmpp.example'>"
                   "<query xmlns='jabber:iq:register'><remove/></query></iq>")
        self.assertTrue(self.registry.takes(iq))
        self.assertIn(b"unsubscribed", self.written[0])
        self.assertEqual(attribute(parse(self.written[1]), "type"), "result")
        self.assertEqual(self.accounts.known, {})
        self.assertEqual(self.note(self.run_command("unregister-phone"))[0], "error")


class WireTests(ClerkCase):
    """XEP-0050 on the wire."""

    def disco(self, kind: str, node: str, sender: str = JID) -> Element | None:
        return self.iq(f"<query xmlns='http://jabber.org/protocol/disco#{kind}' node='{node}'/>", "get", sender)

    def test_discovery(self) -> None:
        """The list has what a user may give, and each command says that it is one (section 2)."""
        listed, boss = self.disco("items", COMMANDS), self.disco("items", COMMANDS, "boss@xmpp.example/x")
        assert listed is not None and boss is not None
        self.assertNotIn("release-number", listed.toXml())
        self.assertIn("release-number", boss.toXml())
        info = self.disco("info", "send-sms")
        assert info is not None
        self.assertIn("command-node", info.toXml())
        secret = self.disco("info", "stats")
        assert secret is not None
        self.assertEqual(self.conditions(secret), ["forbidden"])

    def test_not_his(self) -> None:
        """What is about nothing of his is left to others: images, other nodes, errors, loops (LOOP-5)."""
        self.assertIsNone(self.disco("items", "something"))
        command = f"<command xmlns='{COMMANDS}' node='send-sms'/>"
        self.assertIsNone(self.iq(command, to="+49170@sms.xmpp.example"))
        self.assertIsNone(self.iq(command, type="result"))
        self.assertIsNone(self.iq(command, sender="x@s.xmpp.example"))
        self.assertIsNone(self.iq(command, sender="@@@"))

    def test_errors(self) -> None:
        """Each fault has its condition (section 4.4)."""
        session = attribute(self.command_in(self.give("send-sms")), "sessionid")
        self.assertEqual(self.conditions(self.give("nothing")), ["item-not-found"])
        self.assertEqual(self.conditions(self.give("send-sms", "guessed")), ["bad-request", "bad-sessionid"])
        self.assertEqual(self.conditions(self.give("send-sms", session, "jump")), ["bad-request", "bad-action"])
        self.assertEqual(self.conditions(self.give("send-sms", "", "jump")), ["bad-request", "malformed-action"])
        bad = self.iq(f"<command xmlns='{COMMANDS}' node='send-sms' sessionid='{session}'>"
                      "<x xmlns='jabber:x:data' type='result'/></command>")
        assert bad is not None
        self.assertEqual(self.conditions(bad), ["bad-request", "bad-payload"])
        self.clock.advance(3600)
        self.assertEqual(self.conditions(self.give("send-sms", session)), ["not-allowed", "session-expired"])

    def test_fault_of_ours(self) -> None:
        """Work that fails is an internal error for its user, and logged."""
        self.register()
        self.accounts.enrol = lambda *what: 1 / 0  # type: ignore[assignment,return-value]
        answer = self.run_command("enrol-account", {"jid": "joe@a.com", "password": "x"})
        self.assertEqual(self.conditions(answer), ["internal-server-error"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_explained(self) -> None:
        """``iwf explain`` says that the daemon would take it, instead of what it would be without commands."""
        settings = XmppSettings((evolve(PHONES, commands=True),))
        reading = Explainer(settings, "1").read(
            f"<iq type='set' from='{JID}' to='sms.xmpp.example' id='1'><command xmlns='{COMMANDS}' node='x'/></iq>"
            .encode(), 0.0)
        self.assertEqual((type(reading), reading.rules), (Ignored, ("XMPP-33",)))

    def test_after_the_verdict(self) -> None:
        """The user hears that his text is on its way when it is, and not before."""
        self.core.verdict = Deferred()
        session = attribute(self.command_in(self.give("send-sms")), "sessionid")
        del self.written[:]
        self.clerk.takes(parse(f"<iq type='set' id='i1' from='{JID}' to='sms.xmpp.example'>"
                               f"<command xmlns='{COMMANDS}' node='send-sms' sessionid='{session}'>"
                               "<x xmlns='jabber:x:data' type='submit'><field var='to'><value>+49170</value></field>"
                               "<field var='text'><value>x</value></field></x></command></iq>"))
        self.assertEqual(self.written, [])  # not before the verdict
        self.core.verdict.callback(Taken("d"))
        self.assertEqual(self.note(parse(self.written[0]))[0], "info")

    @given(st.lists(st.tuples(
        st.sampled_from(["register-phone", "verify", "send-sms", "list-contacts", "enrol-account", "stats", "x", ""]),
        st.sampled_from(["", "execute", "next", "prev", "complete", "cancel", "jump"]),
        st.sampled_from(["last", "", "guessed"]),
        st.sampled_from(["submit", "cancel", "form", ""]),
        st.lists(st.tuples(st.sampled_from(["phone", "code", "to", "text", "jid", "password", "odd"]),
                           st.text(st.characters(min_codepoint=32, max_codepoint=0xd7ff), max_size=12)), max_size=4),
    ), max_size=12))
    @settings(max_examples=80, deadline=None)
    def test_hostile(self, steps: list[tuple[str, str, str, str, list[tuple[str, str]]]]) -> None:
        """Whatever a client sends, in whatever order, each iq has one answer, which is XML."""
        self.setUp()
        session = ""
        for node, action, which, kind, fields in steps:
            form = "".join(f"<field var='{var}'><value>{escape(value)}</value></field>" for var, value in fields)
            answer = self.iq(
                f"<command xmlns='{COMMANDS}' node='{node}' action='{action}' "
                f"sessionid='{session if which == 'last' else which}'>"
                f"<x xmlns='jabber:x:data' type='{kind}'>{form}<field/><item/>text</x></command>")
            assert answer is not None
            self.assertIn(attribute(answer, "type"), ("result", "error"))
            if attribute(answer, "type") == "result":
                session = attribute(self.command_in(answer), "sessionid")
