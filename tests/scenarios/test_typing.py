"""Typing through a whole iwf, between peers in memory (messages.md section 7)."""

from __future__ import annotations

from twisted.words.xish.domish import Element

from iwf.mapping import composing
from iwf.mapping.composing import IsComposing
from tests.scenarios.probes.base import SIP_ROMEO, M, ProbeCase

STATES = "http://jabber.org/protocol/chatstates"


class TypingCase(ProbeCase):
    """Romeo writes XMPP, Juliet SIP."""

    def state(self, name: str, **options: str) -> None:
        """Romeo's client sends a chat state."""
        self.sends(f"<{name} xmlns='{STATES}'/>", **options)

    def juliet_types(self, active: bool = True, refresh: int | None = 60, extra: str = "") -> list[int]:
        """Juliet's agent says that she types; the answer."""
        call = self.world.peer.message(SIP_ROMEO, composing.build(IsComposing(active, refresh)),
                                       content_type=composing.TYPE, extra=extra)
        self.world.settle()
        return self.world.peer.answers(call)

    def juliet_writes(self, text: str = "hello") -> None:
        self.world.peer.message(SIP_ROMEO, text)
        self.world.settle()

    @property
    def shown(self) -> list[str]:
        """What Romeo saw: chat states, and texts with theirs."""
        return ["+".join(str(child.name) for child in element.elements() if child.name == "body" or child.uri == STATES)
                for element in self.world.xmpp.inbox if isinstance(element, Element)]

    @property
    def seen(self) -> list[IsComposing | str]:
        """What Juliet saw."""
        return [composing.parse(request.body) if request.get("Content-Type") == composing.TYPE
                else request.body.decode() for request in self.world.peer.requests]


ACTIVE, IDLE = IsComposing(True, 90, "text/plain"), IsComposing(False, None, "text/plain")


class ToSipTests(TypingCase):
    """Romeo types."""

    def test_to_who_never_wrote(self) -> None:
        """Nobody sees typing who has not written himself (COMP-4)."""
        self.state("composing")
        self.assertEqual(self.seen, [])

    def test_typing_and_text(self) -> None:
        """Typing is told, and the text that follows ends it without a word (COMP-3)."""
        self.juliet_writes()
        self.state("composing")
        self.says("hi")
        self.world.settle(200)
        self.assertEqual(self.seen, [ACTIVE, "hi"])
        self.assertEqual(self.world.peer.requests[0].get("Content-Type"), "application/im-iscomposing+xml")

    def test_pause(self) -> None:
        """A pause is idle; resting and leaving after it are nothing new (COMP-3)."""
        self.juliet_writes()
        for name in ("active", "composing", "composing", "paused", "inactive", "gone"):
            self.state(name)
        self.assertEqual(self.seen, [ACTIVE, IDLE])

    def test_on_and_on(self) -> None:
        """A user who types on and on is told of every minute, and not for ever (COMP-3)."""
        self.juliet_writes()
        self.state("composing")
        self.world.settle(59)
        self.assertEqual(self.seen, [ACTIVE])
        self.world.settle(2)
        self.assertEqual(self.seen, [ACTIVE, ACTIVE])
        self.world.settle(200)
        self.assertEqual(self.seen, [ACTIVE, ACTIVE, IDLE])

    def test_refused(self) -> None:
        """Who refuses it sees no typing any more; nobody hears of the refusal (COMP-4, COMP-8)."""
        self.juliet_writes()
        self.world.peer.status = 415
        self.state("composing")
        self.state("paused")
        self.state("composing")
        self.assertEqual(self.seen, [ACTIVE])
        self.assertEqual(self.world.xmpp.errors(), [])

    def test_no_answer(self) -> None:
        """An agent that answers nothing costs nobody an error (COMP-8)."""
        self.juliet_writes()
        self.world.peer.status = 0
        self.state("composing")
        self.world.settle(200)
        self.assertEqual(self.world.xmpp.errors(), [])

    def test_to_phone(self) -> None:
        """Phones see no typing (COMP-7)."""
        self.state("composing", to=f"+491701234567@{M}")
        self.world.settle(5)
        self.assertEqual((self.world.texts(), self.world.xmpp.inbox), ([], []))


class ToXmppTests(TypingCase):
    """Juliet types."""

    def test_to_who_shows_none(self) -> None:
        """A user whose client sends no states gets none, and Juliet no error (COMP-5, COMP-8)."""
        self.assertEqual(self.juliet_types(), [202])
        self.juliet_writes()
        self.assertEqual(self.shown, ["body"])

    def test_typing_and_text(self) -> None:
        """Typing is shown once, and the text says by itself that it is over (COMP-2, COMP-5)."""
        self.state("active")
        self.juliet_types(extra="Expires: 0\r\nPriority: non-urgent\r\n")  # as liblinphone writes it
        self.juliet_types()
        self.juliet_writes()
        self.world.settle(200)
        self.assertEqual(self.shown, ["composing", "body+active"])
        state = self.world.xmpp.inbox[0]
        self.assertEqual(state["type"], "chat")
        self.assertIn("urn:xmpp:hints", [str(child.uri) for child in state.elements()])

    def test_idle(self) -> None:
        """Idle is shown, and typing that is not repeated ends by itself (COMP-2)."""
        self.state("active")
        self.juliet_types()
        self.juliet_types(active=False)
        self.juliet_types(refresh=30)
        self.world.settle(29)
        self.assertEqual(self.shown, ["composing", "active", "composing"])
        self.world.settle(2)
        self.assertEqual(self.shown, ["composing", "active", "composing", "active"])

    def test_without_refresh(self) -> None:
        """Typing without a refresh holds for two minutes (COMP-2)."""
        self.state("active")
        self.juliet_types(refresh=None)
        self.world.settle(115)
        self.assertEqual(self.shown, ["composing"])
        self.world.settle(10)
        self.assertEqual(self.shown, ["composing", "active"])

    def test_malformed(self) -> None:
        """What cannot be read of it is nobody's error (COMP-8)."""
        call = self.world.peer.message(SIP_ROMEO, "<what/>", content_type=composing.TYPE)
        self.world.settle()
        self.assertEqual((self.world.peer.answers(call), self.world.xmpp.inbox), ([202], []))

    def test_away(self) -> None:
        """Typing to a server that is away is gone, and does not arrive late (COMP-8)."""
        self.state("active")
        self.world.stop_xmpp()
        self.assertEqual(self.juliet_types(), [202])
        self.world.start_xmpp()
        self.world.settle(100)
        self.assertEqual(self.shown, [])
