"""Presence in any order: whatever two users do, and whatever goes away meanwhile, in the end each sees what is so."""

from __future__ import annotations

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.scenarios.memory import MemoryStage
from tests.scenarios.perform import perform
from tests.scenarios.play import parse_play
from tests.support.seen import OFFLINE, State, View, described

HEAD = ("with notify_min = 0.1\nwith patience.ask_again = 0.1\n"
        "actor alice on xmpp as alice\nactor bob on sip as bob\n")
OTHER = {"alice": "bob", "bob": "alice"}
DEVICES = {"alice": ("orchard", "tower"), "bob": ("desk", "mobile")}

WHO = st.sampled_from(sorted(OTHER))
ACTS = st.one_of(
    st.tuples(WHO, st.sampled_from(("asks to see", "asks no more for", "allows", "refuses"))),
    st.tuples(WHO, st.sampled_from((0, 1)), st.sampled_from(("online", "away", "dnd", OFFLINE))),
    st.tuples(st.sampled_from(("stop", "kill")), st.sampled_from(("iwf", "xmpp")), st.booleans()),
)


@define
class Couple:
    """What is so, as people would say it, and the play that it is written in."""

    lines: list[str] = field(factory=list)
    shown: dict[str, dict[str, str]] = field(factory=lambda: {"alice": {"orchard": "online"}, "bob": {}})
    looks: set[str] = field(factory=set)
    """Who has asked to see the other one."""
    allowed: set[str] = field(factory=set)
    """Who may see the other one when he asks."""

    def relate(self, who: str, verb: str) -> None:
        """Somebody asks or answers, where there is something to ask or to answer."""
        other = OTHER[who]
        if verb == "asks to see" and who not in self.looks:
            self.looks.add(who)
        elif verb == "asks no more for" and who in self.looks:
            self.looks.discard(who)
        elif verb == "allows" and other in self.looks and other not in self.allowed:
            self.lines.append(f"{who} is asked by {other} within 60 seconds")
            self.allowed.add(other)
        elif verb == "refuses" and other in self.looks:
            if other not in self.allowed:
                self.lines.append(f"{who} is asked by {other} within 60 seconds")
            self.looks.discard(other)
            self.allowed.discard(other)
        else:
            return
        self.lines.append(f"{who} {verb} {other}")
        self.lines.append("wait 1 second")

    def appear(self, who: str, number: int, show: str) -> None:
        """A device of somebody changes."""
        device = DEVICES[who][number]
        if show != OFFLINE:
            self.shown[who][device] = show
        elif self.shown[who].pop(device, None) is None:
            return
        self.lines.append(f"{who} is {show} on {device}")

    def disturb(self, verb: str, peer: str, changing: bool) -> None:
        """Something is away for a while; before and meanwhile somebody changes."""
        self.appear("alice", 1, "dnd")
        self.lines.append(f"{verb} {peer}")
        if changing:
            self.appear("bob", 0, "chat")
        self.lines.extend((f"start {peer}", "wait for iwf"))

    def view(self, who: str) -> View | None:
        """What somebody is to see of the other one."""
        if who not in self.looks or who not in self.allowed:
            return None
        return frozenset(State(device, show) for device, show in self.shown[OTHER[who]].items())

    def check(self) -> None:
        """Everything is right."""
        for who, other in OTHER.items():
            view = self.view(who)
            seen = f"nothing of {other}" if view is None else f"{other} {described(view)}"
            if self.shown[who] or who == "bob":
                self.lines.append(f"{who} sees {seen} within 60 seconds")
        if "alice" in self.looks & self.allowed and self.shown["alice"]:
            self.lines.append("bob is watched once by alice within 60 seconds")


class AnyOrderTests(SynchronousTestCase):
    """Any things that happen to Alice and Bob, who see each other to begin with."""

    @settings(deadline=None, max_examples=40)
    @given(st.lists(ACTS, min_size=4, max_size=12), st.integers(0, 63))
    def test_what_is_so_is_seen(self, acts: list[tuple[str, ...]], moment: int) -> None:
        """After each of them both see what is so, within a minute and without asking (PRES, SIP-93).

        A kill comes so many events after what was done before it.
        """
        couple = Couple()
        for who, verb in (("alice", "asks to see"), ("bob", "allows"), ("bob", "asks to see"), ("alice", "allows")):
            couple.relate(who, verb)
        for act in acts:
            if act[0] in ("stop", "kill"):
                couple.disturb(*act)  # type: ignore[arg-type]
            elif len(act) == 3:
                couple.appear(*act)  # type: ignore[arg-type]
            else:
                couple.relate(*act)
            couple.check()
        play = parse_play(HEAD + "\n".join(couple.lines))
        self.successResultOf(Deferred.fromCoroutine(perform(play, MemoryStage(moment))))
