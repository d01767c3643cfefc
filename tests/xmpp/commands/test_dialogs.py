"""Commands step by step (XEP-0050)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.mapping.model import XMPP, Address
from iwf.xmpp.commands.dialogs import (
    LIFETIME,
    MOST_OF_ONE,
    Ask,
    Command,
    DialogFault,
    Dialogs,
    Do,
    Done,
    Forbidden,
    Script,
    Shown,
    Step,
    TooMany,
    Unknown,
    Working,
)
from iwf.xmpp.commands.forms import Answers, Field, Form, first_of

NOW = 1_790_000_000.0
JOE = Address(XMPP, "joe", "a.com", "desk")
BOSS = Address(XMPP, "boss", "a.com", "desk")


def asks_twice(user: Address) -> Script:
    """First a name, then a colour."""
    first: Answers = yield Ask(Form("Name", (Field("name", "Name", required=True),)))
    colour = Field("colour", "Colour", "list-single", options=("red", "blue"))
    second: Answers = yield Ask(Form(f"Colour of {first_of(first, 'name')}", (colour,)), is_last=True)
    return Done(f"{first_of(first, 'name')} is {first_of(second, 'colour')}")


def works(user: Address) -> Script:
    """Asks, works, asks again."""
    yield Ask(Form("Ready"))
    outcome: str = yield Do(lambda: "worked")
    yield Ask(Form(outcome), is_last=True)
    return Done(outcome)


COMMANDS = (Command("twice", "Twice", asks_twice), Command("works", "Works", works),
            Command("secret", "Secret", asks_twice, for_admins=True))


class DialogTests(SynchronousTestCase):
    """Joe and his dialogs."""

    def setUp(self) -> None:
        self.dialogs = Dialogs(COMMANDS, frozenset({BOSS.key}), Ids(seed=1))

    def begin(self, node: str = "twice", user: Address = JOE) -> Shown:
        return self.shown(self.dialogs.execute(node, user, NOW))

    def shown(self, step: Step | None) -> Shown:
        assert isinstance(step, Shown), step
        return step

    def go(self, before: Shown, action: str = "", user: Address = JOE, now: float = NOW, **answers: str) -> Shown:
        values = {var: (value,) for var, value in answers.items()}
        return self.shown(self.dialogs.go_on(before.id, before.node, user, action, values, now))

    def fault(self, before: Shown, action: str = "", **more: object) -> str:
        return str(self.assertRaises(DialogFault, self.go, before, action, **more))

    def test_to_the_end(self) -> None:
        """Two forms and a note; the default is to go on (section 3.4)."""
        step = self.begin()
        self.assertEqual((step.status, step.actions), ("executing", ("next",)))
        step = self.go(step, name="sky")
        self.assertEqual((step.form and step.form.title, step.actions), ("Colour of sky", ("prev", "complete")))
        done = self.go(step, "execute", colour="blue")
        self.assertEqual((done.status, done.note, done.id), ("completed", "sky is blue", step.id))
        self.assertEqual(self.fault(done), "bad-sessionid")

    def test_back(self) -> None:
        """One step back, and forth with another answer."""
        step = self.go(self.go(self.begin(), name="sky"), "prev")
        self.assertEqual((step.form and step.form.title, step.actions), ("Name", ("next",)))
        self.assertEqual(self.go(self.go(step, name="sea"), colour="red").note, "sea is red")

    def test_not_behind_work(self) -> None:
        """What was done cannot be taken back: there is no way back behind it."""
        step = self.begin("works")
        work = self.dialogs.go_on(step.id, "works", JOE, "next", {}, NOW)
        assert isinstance(work, Working)
        self.assertEqual(self.fault(step), "bad-action")  # while it is under way
        shown = self.shown(self.dialogs.performed(work.id, work.work()))
        self.assertEqual((shown.form and shown.form.title, shown.actions), ("worked", ("complete",)))
        self.assertEqual(self.fault(shown, "prev"), "bad-action")

    def test_cancel(self) -> None:
        """Canceled at any step."""
        step = self.go(self.begin(), name="sky")
        self.assertEqual(self.go(step, "cancel").status, "canceled")
        self.assertEqual(self.fault(step), "bad-sessionid")
        self.assertIsNone(self.dialogs.performed(step.id, None))

    def test_answers_are_checked(self) -> None:
        """What is required and what may be chosen is told, and asked again."""
        step = self.begin()
        again = self.go(step, name=" ")
        self.assertEqual((again.fault, again.status), ("Name: is required", "executing"))
        step = self.go(again, name="sky")
        self.assertIn("choices", self.go(step, colour="green").fault)
        self.assertEqual(self.go(step, colour="red").note, "sky is red")

    def test_bad_actions(self) -> None:
        """What the form does not offer is no action (section 4.4)."""
        step = self.begin()
        for action in ("prev", "complete", "jump"):
            self.assertEqual(self.fault(step, action), "bad-action")

    def test_expired(self) -> None:
        """A dialog ends after a while without a word, which its user is told; a word keeps it alive."""
        step, other = self.begin(), self.begin()
        step = self.go(step, now=NOW + LIFETIME - 1, name="sky")
        self.assertEqual(self.fault(other, now=NOW + LIFETIME), "session-expired")
        self.assertEqual(self.go(step, now=NOW + LIFETIME + 1, colour="red").status, "completed")

    def test_of_another(self) -> None:
        """A dialog is his who began it, at the device where he did, and of its own command."""
        step = self.begin()
        for user in (BOSS, evolve(JOE, instance="phone")):
            self.assertEqual(self.fault(step, user=user, name="x"), "bad-sessionid")
        self.assertEqual(self.fault(evolve(step, node="works")), "bad-sessionid")
        self.assertEqual(self.fault(evolve(step, id="guessed")), "bad-sessionid")

    def test_who_may(self) -> None:
        """Administrators' commands are not seen, and not taken, from others (XMPP-33)."""
        self.assertEqual([one.node for one in self.dialogs.commands_for(JOE)], ["twice", "works"])
        self.assertRaises(Forbidden, self.begin, "secret")
        self.assertRaises(Unknown, self.begin, "nothing")
        self.assertEqual(self.begin("secret", BOSS).status, "executing")

    def test_too_many(self) -> None:
        """A user has a few dialogs at a time, others are not disturbed, and those that ended do not count."""
        steps = [self.begin() for _ in range(MOST_OF_ONE)]
        self.assertRaises(TooMany, self.begin)
        self.begin(user=BOSS)
        self.go(steps[0], "cancel")
        self.begin()
