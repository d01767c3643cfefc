"""Commands through a whole iwf, between peers in memory (XMPP-32, XMPP-33)."""

from __future__ import annotations

from twisted.words.xish.domish import Element

from iwf.xmpp.elements import attribute
from tests.scenarios.probes.base import ROMEO, M, ProbeCase

COMMANDS = "http://jabber.org/protocol/commands"
PHONE = "+491700000001"


class CommandTests(ProbeCase):
    """Romeo and his telephone."""

    def give(self, node: str, session: str = "", **form: str) -> Element:
        """One step of a command; what comes back."""
        fields = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in form.items())
        x = f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>" if form else ""
        self.sends(f"<command xmlns='{COMMANDS}' node='{node}' sessionid='{session}'>{x}</command>", to=M, name="iq",
                   attributes="type='set'")
        command: Element = next(self.world.xmpp.inbox[-1].elements())
        return command

    def test_register(self) -> None:
        """A code goes to Romeo's phone from the service number; who enters it has the phone, also after a restart,
        and sees its contacts."""
        step = self.give("register-phone")
        step = self.give("register-phone", attribute(step, "sessionid"), phone="+49 170 0000001")
        number, sender, text = self.world.texts()[-1]
        self.assertEqual((f"+{number.lstrip('+')}", sender), (PHONE, "4455"))
        step = self.give("register-phone", attribute(step, "sessionid"), code=text[:6])
        self.assertIn(f"{PHONE} is your telephone.", step.toXml())

        self.give("send-sms", attribute(self.give("send-sms"), "sessionid"), to=PHONE, text="hello")
        self.assertTrue(self.world.texts()[-1][2].endswith("hello"))
        self.world.stop_daemon()
        self.world.start_daemon()
        self.assertIn("xmpp:romeo@xmpp.test", self.give("list-contacts").toXml())

    def test_discovered(self) -> None:
        """The gateway says that it takes commands, and which; without a key for passwords nobody enrols."""
        for node, kind, expected in (("", "info", COMMANDS), (COMMANDS, "items", "send-sms")):
            self.sends(f"<query xmlns='http://jabber.org/protocol/disco#{kind}' node='{node}'/>", to=M, name="iq",
                       attributes="type='get'", sender=ROMEO)
            self.assertIn(expected, self.world.xmpp.inbox[-1].toXml())
        self.assertNotIn("enrol-account", self.world.xmpp.inbox[-1].toXml())
