"""The language of the plays: what is a line of one, and that a play can fail."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.scenarios.memory import MemoryStage
from tests.scenarios.perform import perform
from tests.scenarios.play import Behave, PlayError, Step, Talk, parse_play
from tests.scenarios.stage import SIP, SMS, XMPP, Actor, StageError, configured
from tests.scenarios.watching import Appear, Ask, Asked, Sees, Watched
from tests.support.seen import State


def steps(text: str) -> list[Step]:
    return [step for _, step in parse_play(text).steps]


class LanguageTests(SynchronousTestCase):
    """Reading."""

    def assert_error(self, text: str, expected: str) -> None:
        error = self.assertRaises(PlayError, parse_play, text, Path("x.play"))
        self.assertEqual(str(error), expected)

    def test_texts(self) -> None:
        """A text is the rest of the line, colons and quotes included; escapes are undone in both forms."""
        for written, text in (
            ("hello", "hello"),
            ('say: "hi" * 3', 'say: "hi" * 3'),
            (r"a\nb\tc \\n \" \u{1f339}", 'a\nb\tc \\n " \U0001f339'),
            (r'"  a \"b\"  "', '  a "b"  '),
            ('""', ""),
            ('"ab" * 3', "ababab"),
        ):
            self.assertEqual(steps(f"romeo -> juliet: {written}"), [Talk("romeo", "->", "juliet", text)])

    def test_answers(self) -> None:
        """What somebody answers holds from then on, or for the next text alone."""
        self.assertEqual(steps("nurse answers 480\ncarol answers EXPIRED once"),
                         [Behave("nurse", "480"), Behave("carol", "EXPIRED once")])

    def test_modifiers(self) -> None:
        """Thread, subject, count, patience and the sender's address stand after the address."""
        (talk,) = steps('juliet <- romeo (thread t:1) (subject "a: b") * 3 as sip:a@b within 2.5 seconds: {n}. x')
        assert isinstance(talk, Talk)
        self.assertEqual(evolve(talk, text=""), Talk(
            "juliet", "<-", "romeo", "", "t:1", "a: b", 3, "sip:a@b", 2.5))
        self.assertEqual(talk.texts(), ["1. x", "2. x", "3. x"])
        self.assertEqual(steps("romeo -> juliet: {n}")[0].texts(), ["{n}"])  # type: ignore[union-attr]

    def test_presence(self) -> None:
        """Who asks, what is shown and what is seen, on which devices; one device has a name by itself."""
        here, there = State("orchard"), State("phone", "away", "out, on foot")
        for line, step in (
            ("romeo asks to see juliet", Ask("romeo", "asks to see", "juliet")),
            ("juliet refuses romeo", Ask("juliet", "refuses", "romeo")),
            ("juliet is asked by romeo within 20 seconds", Asked("juliet", "romeo", 20.0)),
            ("romeo is online", Appear("romeo", here)),
            ('juliet is away "out, on foot"', Appear("juliet", there)),
            ("juliet is offline on pc", Appear("juliet", State("pc", "offline"))),
            ("juliet sees romeo online", Sees("juliet", "romeo", frozenset({here}))),
            ('romeo sees juliet away "out, on foot", dnd on pc within 2.5 seconds',
             Sees("romeo", "juliet", frozenset({there, State("pc", "dnd")}), 2.5)),
            ("romeo sees juliet offline", Sees("romeo", "juliet", frozenset())),
            ("romeo sees nothing of juliet", Sees("romeo", "juliet", None)),
            ("juliet is watched once by romeo", Watched("juliet", "romeo", 1)),
            ("juliet is watched no more by romeo", Watched("juliet", "romeo", 0)),
        ):
            self.assertEqual(steps(line), [step])
        for line, what in (
            ("tybalt asks to see juliet", "nobody is called tybalt"),
            ("romeo sees juliet tired", "not a line of a play: romeo sees juliet tired"),
        ):
            self.assert_error(line, f"x.play:1: {what}")

    def test_errors_of_lines(self) -> None:
        """What is not a line of a play is told with file and line."""
        for line, what in (
            ("romeo juliet: hi", "not a line of a play: romeo juliet: hi"),
            ("tybalt -> juliet: hi", "nobody is called tybalt"),
            ("romeo -> tybalt: hi", "neither an actor nor an address: tybalt"),
            ("romeo -> juliet (loudly): hi", "not understood: (loudly): hi"),
            ("romeo -> juliet as x@y: hi", "'as' goes with what is heard"),
            (r"romeo -> juliet: a\qb", r"unknown escape \q"),
            ('romeo -> juliet: "hi', "a text in quotes must end with them"),
            ("romeo <- hi", "a text is missing"),
            ("stop world", "not a line of a play: stop world"),
        ):
            self.assert_error(f"\n# comment\n{line}", f"x.play:3: {what}")

    def test_head(self) -> None:
        """Keys, actors and strangers are introduced before anything happens."""
        play = parse_play('with s2x_hold = 20\nwith deliver_ack = late\nactor d on xmpp as d\\27a\n'
                          'actor p on sip as " "\nstranger n on sip\nromeo -> n: hi')
        self.assertEqual(play.options, {"s2x_hold": "20", "deliver_ack": '"late"'})
        self.assertEqual([play.cast[name].user for name in "dpn"], ["d\\27a", " ", "n"])
        self.assertFalse(play.cast["n"].exists)
        self.assert_error("wait 1 second\nstranger n on sip", "x.play:2: 'stranger' stands at the head of a play")
        self.assert_error("stranger n on sip\nn -> romeo: hi", "x.play:2: nobody is called n")
        error = self.assertRaises(PlayError, parse_play, "with x = 1")
        self.assertIn("x is not among s2x_hold", str(error))

    def test_addresses(self) -> None:
        """Actors are written as addressing.md section 3 says (ADDR-16, ADDR-17, ADDR-38)."""
        for actor, seen in (
            (Actor("", XMPP, r"d\27artagnan"), "sip:d'artagnan*xmppserver.com@xmpp.sipserver.com"),
            (Actor("", XMPP, "a#b%c"), "sip:a%23b%25c*xmppserver.com@xmpp.sipserver.com"),
            (Actor("", SMS, "+49"), "sip:+49@sms.sipserver.com"),
        ):
            self.assertEqual(actor.seen_in(SIP), seen)
        for actor, seen in (
            (Actor("", SIP, "O'Malley"), r"o\27malley*sipserver.com@sip.xmppserver.com"),
            (Actor("", SIP, r"a\27b"), r"a\5c27b*sipserver.com@sip.xmppserver.com"),
            (Actor("", SMS, "+49"), "+49@sms.xmppserver.com"),
        ):
            self.assertEqual(actor.seen_in(XMPP), seen)

    def test_configuration(self) -> None:
        """Keys go into the table they belong to; a table that is missing is an error of the stage."""
        self.assertEqual(configured("[node]\nname = 1\n[[sip.trunk]]\n", {"s2x_hold": "2"}),
                         "[node]\nname = 1\n[[sip.trunk]]\ns2x_hold = 2\n")
        self.assertRaises(StageError, configured, "[node]\n", {"s2x_hold": "2"})


class FailingTests(SynchronousTestCase):
    """A play that does not go as written fails at the right line."""

    def assert_fails(self, text: str, expected: str) -> None:
        failure = self.failureResultOf(
            Deferred.fromCoroutine(perform(parse_play(text, Path("x.play")), MemoryStage())), PlayError)
        self.assertEqual(failure.getErrorMessage(), expected)

    def test_not_as_written(self) -> None:
        """Another text, silence, another error, another address, thread or subject."""
        for lines, what in (
            ("juliet <- romeo: ho", "juliet hears from sip:romeo*xmppserver.com@xmpp.sipserver.com: 'hi'"),
            ("juliet <- benvolio: hi", "juliet hears from sip:romeo*xmppserver.com@xmpp.sipserver.com: 'hi'"),
            ("nurse <- romeo: hi", "nurse hears nothing at all"),
            ("juliet <- romeo as sip:r@x: hi",
             "juliet sees the sender as sip:romeo*xmppserver.com@xmpp.sipserver.com"),
            ('juliet <- romeo (subject "x"): hi', "the subject is ''"),
            ("romeo <! juliet: conflict", "romeo hears nothing at all"),
        ):
            self.assert_fails(f"romeo -> juliet: hi\n{lines}", f"x.play:2: {what}")
        self.assert_fails("stranger n on sip\nromeo -> n: hi\nromeo <! n: conflict",
                          "x.play:3: romeo is told item-not-found about n*sipserver.com@sip.xmppserver.com")

    def test_not_seen(self) -> None:
        """Something else is seen, or nothing; nobody has asked; there are more dialogs than should be."""
        seen = "juliet is away\nromeo asks to see juliet\njuliet is asked by romeo\njuliet allows romeo\n"
        for lines, what in (
            ("juliet is asked by romeo within 1 second", "x.play:1: juliet is asked by nobody"),
            ("romeo sees juliet offline", "x.play:1: romeo sees juliet on orchard: nothing"),
            (f"{seen}romeo sees juliet away on pc", "x.play:5: romeo sees juliet on orchard: away on phone"),
            (f'{seen}romeo sees juliet away "x"', "x.play:5: romeo sees juliet on orchard: away on phone"),
            (f"{seen}romeo sees juliet offline", "x.play:5: romeo sees juliet on orchard: away on phone"),
            (f"{seen}juliet is watched no more by romeo", "x.play:5: juliet has 1 dialogs for romeo"),
            (f"{seen}romeo is offline\nromeo sees juliet away", "x.play:6: romeo has no device that is there"),
        ):
            self.assert_fails(lines, what)

    def test_not_in_the_play(self) -> None:
        """What nobody expected makes the play fail at its end."""
        self.assert_fails("romeo -> juliet: hi",
                          "x.play: not in the play:\n  juliet hears from "
                          "sip:romeo*xmppserver.com@xmpp.sipserver.com: 'hi'")

    def test_lost(self) -> None:
        """A message that was taken and neither heard nor complained of is lost."""
        self.assert_fails("benvolio answers nothing\njuliet -> benvolio * 2: no {n}\nnothing is lost",
                          "x.play:3: 2 of 2 are lost, the first is juliet -> "
                          "sip:benvolio*xmppserver.com@xmpp.sipserver.com: 'no 1'")

    def test_repeated(self) -> None:
        """A message that is heard twice is told, unless the play allows it."""
        text = "romeo -> juliet: hi\nwait 1 second\nromeo -> juliet: hi\nwait 1 second\nnothing is lost"
        self.assert_fails(text, "x.play:5: heard more than once: ['hi', 'hi']")
        self.successResultOf(Deferred.fromCoroutine(
            perform(parse_play(f"{text}, repeats allowed"), MemoryStage())))
