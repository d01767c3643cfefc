"""The phones of a play, behind a real SMSC."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.error import ConnectError

from tests.interop.people import Person
from tests.peers.base import Event, PeerError
from tests.peers.smsc import NodeSmsc
from tests.scenarios.stage import NORMALLY, ONCE, SILENT, Actor, Failed, Heard, Saying

RECEIPT_STATES = ("UNDELIV", "EXPIRED", "REJECTD", "DELETED")
AT_ONCE = 10
"""Texts from phones that may be unanswered at the same time."""
TRIES, AGAIN = 50, 0.2
"""How often, and after how many seconds, a text is tried again for which no ESME was bound."""
FOREVER = 1_000_000
PARTS = 70
"""UTF-16 code units in one short message."""


@define(eq=False)
class _Sent:
    """A text on its way from a phone."""

    saying: Saying
    parts: int = FOREVER
    """Not known until the SMSC has cut it."""
    answers: list[int] = field(factory=list)
    done: Deferred[None] = field(factory=Deferred)


class Phones(Person):
    """All phones, behind one SMSC."""

    def __init__(self, smsc: NodeSmsc) -> None:
        super().__init__()
        self._smsc = smsc
        self._names: dict[str, str] = {}
        self._answers: dict[str, str] = {}
        self._seen = 0
        self._open: dict[tuple[str, str], deque[_Sent]] = defaultdict(deque)
        self._at_once = DeferredSemaphore(AT_ONCE)
        self._parts: dict[tuple[str, str, str], dict[int, Event]] = {}

    def know(self, actor: Actor) -> None:
        """A phone takes part."""
        self._names[actor.user.lstrip("+")] = actor.name

    async def start(self) -> None:
        await self._smsc.start()

    async def stop(self) -> None:
        await self._smsc.stop()

    async def behave(self, actor: Actor, answer: str) -> None:
        knobs: dict[str, Any] = {"respond": True, "fail_next": 0, "receipt_state": "DELIVRD", "receipt_next": ""}
        if answer == SILENT:
            knobs["respond"] = False
        elif answer.removesuffix(ONCE) in RECEIPT_STATES and answer.endswith(ONCE):
            knobs["receipt_next"] = answer.removesuffix(ONCE)
        elif answer in RECEIPT_STATES:
            knobs["receipt_state"] = answer
        elif answer != NORMALLY:
            knobs.update(fail_next=FOREVER, fail_status=int(answer, 16))
        self._answers[actor.name] = answer
        await self._smsc.set(**knobs)

    def say(self, saying: Saying) -> None:
        self.background(self._at_once.run(lambda: Deferred.fromCoroutine(self._send(saying))))

    async def _send(self, saying: Saying) -> None:
        """As an SMSC does: a text for which no ESME is bound is kept and tried again."""
        for _ in range(TRIES):
            if not self._smsc.running:
                break
            sent = await self._submit(saying)
            if sent is not None:
                await sent.done
                return
            await self._smsc.sleep(AGAIN)
        saying.taken = False

    async def _submit(self, saying: Saying) -> _Sent | None:
        sender, to = saying.sender.user.lstrip("+"), saying.to.lstrip("+")
        more: dict[str, Any] = {} if saying.to.startswith("+") else {"dest_ton": 0, "dest_npi": 0}
        if len(saying.text.encode("utf-16-be")) > 2 * PARTS:
            more["long"] = "udh"
        sent = _Sent(saying)
        self._open[sender, to].append(sent)
        try:
            answer = await self._smsc.mo(sender, to, saying.text, **more)
        except (ConnectError, PeerError):
            if sent in self._open[sender, to]:
                self._open[sender, to].remove(sent)
            return None
        sent.parts = answer["parts"]
        self._settle((sender, to))
        return sent

    def look(self) -> None:
        events = self._smsc.events.history[self._seen:]
        self._seen += len(events)
        for event in events:
            if event["event"] == "submit_sm":
                self._submitted(event)
            elif event["event"] == "mo_answered":
                self._answered(event)
            elif event["event"] == "closed":
                self.give_up()

    def give_up(self) -> None:
        """What was not answered on a connection that is gone was not taken."""
        given_up = [sent for waiting in self._open.values() for sent in waiting]
        self._open.clear()
        for sent in given_up:
            sent.saying.taken = False
            sent.done.callback(None)

    def _answered(self, event: Event) -> None:
        pair = event["from"], event["to"]
        for sent in self._open[pair]:
            if len(sent.answers) < sent.parts:
                sent.answers.append(event["status"])
                break
        self._settle(pair)

    def _settle(self, pair: tuple[str, str]) -> None:
        """The answers to one sender's texts to one number come in the order of the texts."""
        waiting = self._open[pair]
        while waiting and len(waiting[0].answers) >= waiting[0].parts:
            sent = waiting.popleft()
            bad = [status for status in sent.answers if status]
            sent.saying.taken = not bad
            if bad:
                failed = Failed(f"0x{bad[0]:02X}", sent.saying.to, sent.saying.text)
                self._received.append((sent.saying.sender.name, failed))
            sent.done.callback(None)

    def _submitted(self, event: Event) -> None:
        name = self._names.get(event["to"])
        if name is None or event["status"]:
            return
        answer = self._answers.get(name, NORMALLY)
        if answer.endswith(ONCE):
            self._answers[name] = NORMALLY
        if answer != NORMALLY:
            return
        text = self._joined(event)
        if text is not None:
            sender = f"+{event['from']}" if event["source_ton"] == 1 else event["from"]
            self._received.append((name, Heard(sender, text)))

    def _joined(self, event: Event) -> str | None:
        """The whole text, when its last part is there."""
        if not event["udh"]:
            text: str = event["text"]
            return text
        reference, count, part = (int(event["udh"][at:at + 2], 16) for at in (6, 8, 10))
        key = event["from"], event["to"], str(reference)
        parts = self._parts.setdefault(key, {})
        parts[part] = event
        if len(parts) < count:
            return None
        ordered = [parts[number] for number in sorted(self._parts.pop(key))]
        if event["data_coding"] == 8:
            # A character may be cut in two.
            return b"".join(bytes.fromhex(one["hex"])[6:] for one in ordered).decode("utf-16-be")
        return "".join(one["text"] for one in ordered)
