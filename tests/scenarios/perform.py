"""Performs a play on a stage."""

from __future__ import annotations

from tests.scenarios.balance import Balance
from tests.scenarios.play import Behave, Change, NothingLost, Play, PlayError, Step, Talk, Wait
from tests.scenarios.stage import SERVICE, SMS, XMPP, Actor, Failed, Heard, Incoming, Saying, Stage
from tests.scenarios.watching import Appear, Ask, Asked, Sees, Watched, Watching
from tests.support.seen import described

STEP = 0.05
"""Seconds between two looks at the inboxes."""
LOOKS = 3
"""In a row, in which what is seen must be right: something may be on its way that makes it wrong."""
AFTERMATH = 0.3
"""Seconds after the last line in which nothing more may be heard."""


async def perform(play: Play, stage: Stage) -> list[str]:
    """Perform a play.

    :return: the counts of each ``nothing is lost``.
    :raises PlayError: with file and line, when it does not go as written.
    """
    await stage.begin(play.cast, play.options)
    performance = _Performance(play, stage)
    for number, step in play.steps:
        try:
            await performance.do(step)
        except PlayError as error:
            raise PlayError(f"{play.path}:{number}: {error}") from None
    await stage.pause(AFTERMATH)
    left = [f"{name} {_told(incoming)}" for name in stage.inboxes for incoming in stage.inboxes[name]]
    if left:
        raise PlayError(f"{play.path}: not in the play:\n  " + "\n  ".join(left))
    return performance.counts


class _Performance:
    """One performance: what was said so far, the threads, the phones' numbers."""

    def __init__(self, play: Play, stage: Stage) -> None:
        self._play, self._stage = play, stage
        self.counts: list[str] = []
        self._balance = Balance()
        self._threads: dict[str, str] = {}
        self._numbers: dict[tuple[str, str], str] = {}
        """By phone and actor: under which number the phone knows him."""

    async def do(self, step: Step) -> None:
        if isinstance(step, Talk):
            await {"->": self._say, "<!": self._fail}.get(step.verb, self._hear)(step)
        elif isinstance(step, Behave):
            await self._stage.behave(self._play.cast[step.actor], step.answer)
        elif isinstance(step, Change):
            await self._stage.change(step.verb, step.peer)
        elif isinstance(step, Wait):
            await (self._stage.connected() if step.seconds is None else self._stage.pause(step.seconds))
        elif isinstance(step, NothingLost):
            await self._nothing_is_lost(step)
        else:
            await self._watch(step)

    # -- saying

    async def _say(self, talk: Talk) -> None:
        sender = self._play.cast[talk.actor]
        for spoken in talk.texts():
            to, text = self._addressed(sender, talk.other, spoken)
            thread = self._threads.get(talk.thread, talk.thread)
            self._threads.setdefault(talk.thread, thread)
            saying = Saying(sender, to, text, thread, talk.subject)
            self._balance.say(saying, spoken)
            await self._stage.say(saying)

    def _addressed(self, sender: Actor, other: str, text: str) -> tuple[str, str]:
        """Where a message goes; a phone that knows no number yet asks the service number (ADDR-50)."""
        target = self._play.cast.get(other)
        if target is None:
            return self._written(other), text
        if sender.world != SMS:
            return target.seen_in(sender.world), text
        number = self._numbers.get((sender.name, target.name))
        if number is not None:
            return number, text
        native = f"xmpp:{target.native}" if target.world == XMPP else target.native
        return self._stage.service_number, f"TO {native} {text}"

    def _written(self, address: str) -> str:
        return self._stage.service_number if address == SERVICE else address.removeprefix("tel:")

    # -- hearing

    async def _hear(self, talk: Talk) -> None:
        for text in talk.texts():
            heard = await self._next(talk, Heard)
            assert isinstance(heard, Heard)
            self._balance.take(talk.actor, heard)
            self._learn(talk, heard)
            if talk.seen_as and heard.sender != talk.seen_as:
                raise PlayError(f"{talk.actor} sees the sender as {heard.sender}")
            if text not in heard.text if talk.verb == "<~" else text != heard.text:
                raise PlayError(f"{talk.actor} {_told(heard)}")
            if talk.thread and self._threads.setdefault(talk.thread, heard.thread) != heard.thread:
                raise PlayError(f"the thread is {heard.thread}, not {self._threads[talk.thread]}")
            if talk.subject != heard.subject:
                raise PlayError(f"the subject is {heard.subject!r}")

    async def _fail(self, talk: Talk) -> None:
        codes = [code.strip() for code in talk.text.split("|")]
        for _ in range(talk.count):
            failed = await self._next(talk, Failed)
            assert isinstance(failed, Failed)
            self._balance.take(talk.actor, failed)
            if failed.code not in codes:
                raise PlayError(f"{talk.actor} {_told(failed)}")

    async def _next(self, talk: Talk, kind: type[Incoming]) -> Incoming:
        """Take the next thing of a kind from the other one out of an actor's inbox."""
        inbox = self._stage.inboxes.setdefault(talk.actor, [])
        deadline = self._stage.now() + talk.within
        while True:
            for incoming in inbox:
                if isinstance(incoming, kind) and self._comes_from(talk, incoming):
                    inbox.remove(incoming)
                    return incoming
            if self._stage.now() >= deadline:
                said = "; ".join(map(_told, inbox)) or "hears nothing at all"
                raise PlayError(f"{talk.actor} {said}")
            await self._stage.pause(STEP)

    def _comes_from(self, talk: Talk, incoming: Incoming) -> bool:
        if not talk.other:
            return True
        actor = self._play.cast.get(talk.other)
        world = self._world(talk)
        expected = self._written(talk.other) if actor is None else actor.seen_in(world)
        if actor is not None and actor.world == world == SMS:
            expected = ""  # phones know each other by numbers of ours (SMS-63)
        if isinstance(incoming, Failed):
            return not incoming.about or not expected or incoming.about == expected
        if expected:
            return incoming.sender == expected
        known = self._numbers.get((talk.actor, talk.other))
        others = {number for (phone, _), number in self._numbers.items() if phone == talk.actor}
        return incoming.sender == known if known else incoming.sender not in others

    def _learn(self, talk: Talk, heard: Heard) -> None:
        """A phone knows by now which number stands for whom."""
        if self._world(talk) == SMS and talk.other in self._play.cast:
            self._numbers.setdefault((talk.actor, talk.other), heard.sender)

    def _world(self, talk: Talk) -> str:
        return self._play.cast[talk.actor].world

    # -- presence

    async def _watch(self, step: Watching) -> None:
        actor = self._play.cast[step.actor]
        if isinstance(step, Appear):
            await self._stage.appear(actor, step.state)
            return
        other = self._play.cast[step.other]
        if isinstance(step, Ask):
            await self._stage.relate(step.verb, actor, other)
            return
        deadline, looks = self._stage.now() + step.within, 0
        while looks < LOOKS:
            looks += 1
            if wrong := self._not_so(step, actor, other):
                if self._stage.now() >= deadline:
                    raise PlayError(wrong)
                looks = 0
            await self._stage.pause(STEP)

    def _not_so(self, step: Asked | Sees | Watched, actor: Actor, other: Actor) -> str:
        """What is otherwise; empty when all is as the step says."""
        address = other.seen_in(actor.world)
        if isinstance(step, Asked):
            asking = sorted(self._stage.asking(actor))
            return "" if address in asking else f"{actor.name} is asked by {asking or 'nobody'}"
        if isinstance(step, Watched):
            count = list(self._stage.watchers(actor)).count(address)
            return "" if count == step.count else f"{actor.name} has {count} dialogs for {other.name}"
        views = self._stage.views(actor, other)
        wrong = [f"{actor.name} sees {other.name} on {device}: {described(view)}"
                 for device, view in sorted(views.items()) if view != step.view]
        return "; ".join(wrong) if views else f"{actor.name} has no device that is there"

    # -- the balance

    async def _nothing_is_lost(self, step: NothingLost) -> None:
        balance, self._balance = self._balance, Balance()
        deadline = self._stage.now() + step.within
        while True:
            for name, inbox in self._stage.inboxes.items():
                for incoming in inbox:
                    balance.take(name, incoming)
                inbox.clear()
            if not balance.missing() or self._stage.now() >= deadline:
                break
            await self._stage.pause(STEP)
        self.counts.append(str(balance))
        if lost := balance.lost():
            raise PlayError(f"{len(lost)} of {len(balance.said)} are lost, the first is "
                            f"{lost[0].sender.name} -> {lost[0].to}: {lost[0].text!r}")
        if not step.repeats and (repeated := balance.repeated()):
            raise PlayError(f"heard more than once: {repeated}")


def _told(incoming: Incoming) -> str:
    if isinstance(incoming, Failed):
        return f"is told {incoming.code} about {incoming.about or 'somebody'}"
    return f"hears from {incoming.sender}: {incoming.text!r}"
