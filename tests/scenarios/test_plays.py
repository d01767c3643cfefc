"""Every play of the folder, in virtual time."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.scenarios.memory import MemoryStage
from tests.scenarios.perform import perform
from tests.scenarios.play import Change, Play, read_play

PLAYS = sorted((Path(__file__).parent / "plays").glob("*.play"))


MOMENTS = range(0, 64, 7)
"""A message of a burst takes some ten rounds of events, and a burst of forty some fifty."""


class PlayTests(SynchronousTestCase):
    """One test for each play, named after it."""

    def perform(self, play: Play, moment: int = 0) -> None:
        """The play goes as it is written."""
        self.successResultOf(Deferred.fromCoroutine(perform(play, MemoryStage(moment))))


def _add(path: Path) -> None:
    play = read_play(path)
    kills = any(isinstance(step, Change) and step.verb == "kill" for _, step in play.steps)

    def test(self: PlayTests) -> None:
        for moment in MOMENTS if kills else (0,):
            self.perform(play, moment)

    when = ", whenever the kills come" if kills else ""
    test.__doc__ = f"The play {path.name} goes as it is written{when}."
    setattr(PlayTests, f"test_{path.stem.replace('-', '_')}", test)


for _path in PLAYS:
    _add(_path)
