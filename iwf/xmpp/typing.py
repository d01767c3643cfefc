"""Chat states and time: what users are shown and what is heard of them.  Two machines without IO.

Towards users (COMP-2, COMP-5): a contact's typing is shown only to a user who has sent chat states
to him; a state that is not repeated in time is taken back; and no state is written twice in a row.

::

    shown     event                      written     next
    idle      active                     composing   typing until its refresh is over
    typing    active                     -           typing, anew
    typing    idle, or time is up        active      idle
    typing    a text                     -           idle: the text itself says so

From users (COMP-3): they say once that they are composing, while the other side wants to be told
again and again.

::

    heard     event                      told        next
    idle      composing                  active      typing for 120 s
    typing    60 s without news          active      typing
    typing    composing                  -           typing for 120 s from now
    typing    another state, or 120 s    idle        idle
    typing    a text                     -           idle: the text itself says so
"""

from __future__ import annotations

from attrs import define, evolve, field, frozen

from iwf.mapping.model import Address, Composing, Message

MOST_HEARD = 20_000
"""Pairs of which it is remembered that the user sends chat states; the oldest are forgotten."""
MOST_TYPING = 1000
"""Pairs in which somebody is typing at once; more are not followed."""
REFRESH = 90.0
"""Seconds that the other side may believe that a user types."""
REPEAT = 60.0
"""Seconds between two news that a user types, so that they overlap."""
LONGEST = 120.0
"""Seconds after which a user who says nothing more counts as idle."""

Pair = tuple[str, str]


@frozen
class _Typing:
    state: Composing
    until: float
    repeat_at: float = 0.0


@define
class Shown:
    """The states that users are shown by one component."""

    _heard: dict[Pair, None] = field(factory=dict, init=False)
    _typing: dict[Pair, _Typing] = field(factory=dict, init=False)
    _now: float = field(default=0.0, init=False)

    def heard(self, user: Address, contact: Address) -> None:
        """A user has sent a chat state to a contact."""
        pair = contact.key, user.key
        self._heard.pop(pair, None)
        self._heard[pair] = None
        if len(self._heard) > MOST_HEARD:
            del self._heard[next(iter(self._heard))]

    def told(self, state: Composing, now: float) -> bool:
        """A contact's state is to be shown.

        :param now: UTC seconds.
        :return: whether it is to be written.
        """
        self._now = max(self._now, now)
        pair = state.origin.address.key, state.target.key
        if pair not in self._heard:
            return False
        shown = self._typing.get(pair)
        if not state.active:
            return self._typing.pop(pair, None) is not None
        if shown is None and len(self._typing) >= MOST_TYPING:
            return False
        self._typing[pair] = _Typing(state, self._now + state.refresh)
        return shown is None

    def written(self, message: Message) -> bool:
        """A text is written, which says that its sender has stopped typing.

        :return: whether it is to say so by a state, to a user who sends states himself (COMP-5).
        """
        if not self._heard:
            return False
        pair = message.origin.address.key, message.target.key
        self._typing.pop(pair, None)
        return pair in self._heard

    def next_timer(self) -> float | None:
        """UTC seconds of the next call of :meth:`handle_timer`."""
        return min((one.until for one in self._typing.values()), default=None)

    def handle_timer(self, now: float) -> list[Composing]:
        """The idle states that are due to be written (COMP-2)."""
        self._now = max(self._now, now)
        due = [pair for pair, one in self._typing.items() if one.until <= self._now]
        return [evolve(self._typing.pop(pair).state, active=False) for pair in due]


@define
class Heard:
    """The states of the users of one component."""

    _typing: dict[Pair, _Typing] = field(factory=dict, init=False)
    _now: float = field(default=0.0, init=False)

    def said(self, state: Composing, now: float) -> bool:
        """A user has sent a state.

        :param now: UTC seconds.
        :return: whether the other side is to be told.
        """
        self._now = max(self._now, now)
        pair = state.origin.address.key, state.target.key
        known = self._typing.get(pair)
        if not state.active:
            return self._typing.pop(pair, None) is not None
        if known is None and len(self._typing) >= MOST_TYPING:
            return False
        repeat_at = self._now + REPEAT if known is None else known.repeat_at
        self._typing[pair] = _Typing(state, self._now + LONGEST, repeat_at)
        return known is None

    def wrote(self, message: Message) -> None:
        """A user has sent a text, which says that he has stopped typing."""
        if self._typing:
            self._typing.pop((message.origin.address.key, message.target.key), None)

    def next_timer(self) -> float | None:
        """UTC seconds of the next call of :meth:`handle_timer`."""
        return min((min(one.until, one.repeat_at) for one in self._typing.values()), default=None)

    def handle_timer(self, now: float) -> list[Composing]:
        """The states that are due to be told."""
        self._now = max(self._now, now)
        due = []
        for pair, one in list(self._typing.items()):
            if one.until <= self._now:
                del self._typing[pair]
                due.append(evolve(one.state, active=False))
            elif one.repeat_at <= self._now:
                self._typing[pair] = evolve(one, repeat_at=self._now + REPEAT)
                due.append(one.state)
        return due
