"""The wish of a watcher to see a presentity, which outlives any subscription.  Pure."""

from __future__ import annotations

import json
from math import inf

from attrs import define, evolve

from iwf.ids import Ids
from iwf.mapping.model import address_of_key
from iwf.sip.presence.dialog import Dialog
from iwf.sip.presence.endings import Ending, Then, backoff
from iwf.sip.presence.usage import Pair, State, Usage

#: A subscription that lasted so long, in seconds, was no failure: what follows it begins from the start.
STABLE = 30.0
#: SIP-93: what was sent after the last time that something was remembered, at most.
CSEQ_MARGIN = 20

_FORMAT = 1


@define(eq=False)
class Watch:
    """One pair: is it wanted, is it granted, and what is done for it."""

    pair: Pair
    wanted: bool = True
    """Somebody looks, or waits for the answer to his question (PRES-9, PRES-10)."""
    granted: bool = False
    usage: Usage | None = None
    document: bytes = b""
    """The latest one; empty: none is known."""
    tried_at: float = -inf
    retry_at: float = inf
    failures: int = 0
    """In a row."""
    is_rushed: bool = False
    """It has been tried again at once."""
    failing_since: float | None = None
    is_broken: bool = False
    """The core has been told that it cannot be watched."""
    is_final: bool = False
    """What was seen last will stay so."""
    saved: object = None
    """What is remembered of it."""
    due: float = inf
    """Kept by :class:`~iwf.sip.presence.deadlines.Deadlines`."""

    # -- failing and trying again

    def works(self) -> None:
        """A NOTIFY has come in a living dialog."""
        self.failing_since, self.is_broken = None, False

    def lost(self, usage: Usage, now: float) -> None:
        """Its subscription is over."""
        self.usage = None
        if now - usage.since >= STABLE:
            self.failures, self.is_rushed = 0, False

    def fail(self, ending: Ending, now: float, ids: Ids) -> float:
        """Count a failure.

        :return: seconds until the next try.
        """
        if self.failing_since is None:
            self.failing_since = now
        # RFC 6665 lets us come back at once, but not in a circle.
        if ending.then is Then.AT_ONCE and not self.is_rushed:
            self.is_rushed = True
            return 0.0
        self.failures += 1
        return backoff(self.failures - 1, ids, ending.wait)

    # -- memory (SIP-93)

    def signature(self) -> object:
        """Differs when what is remembered is no longer good enough after a restart."""
        usage = self.usage
        if usage is None or not usage.is_made:
            return self.pair, self.wanted, self.granted
        dialog = usage.dialog
        # What the peer counts need not be remembered: it only guards against what comes late.
        return (self.pair, self.wanted, self.granted, dialog.id, dialog.local_cseq, dialog.target, dialog.route_set,
                usage.expires, round(usage.expires_at / 60))

    def packed(self, shift: float) -> str:
        """As text.

        :param shift: what to add to our times for those of the wall clock.
        """
        pair, usage = self.pair, self.usage
        dialog = None
        if usage is not None and usage.is_made:
            dialog = [usage.dialog.packed(), usage.expires, usage.expires_at + shift]
        return json.dumps([_FORMAT, pair.lane, pair.watcher.key, pair.watcher.instance, pair.presentity.key,
                           pair.spelling, self.wanted, self.granted, dialog], separators=(",", ":"))


def unpacked(text: str, now: float) -> Watch:
    """The watch that :meth:`Watch.packed` wrote, with its subscription if that is still alive.

    :raises ValueError: when it is none.
    """
    match json.loads(text):
        case [1, str(lane), str(watcher), str(instance), str(presentity), str(spelling), bool(wanted), bool(granted),
              dialog]:
            pair = Pair(lane, evolve(address_of_key(watcher), instance=instance), address_of_key(presentity), spelling)
            watch = Watch(pair, wanted, granted)
            watch.usage = _usage(pair, granted, dialog, now)
            return watch
    raise ValueError("no watch")


def _usage(pair: Pair, granted: bool, fields: object, now: float) -> Usage | None:
    match fields:
        case [dialog, int(expires), int() | float() as expires_at]:
            if expires_at <= now:
                return None
            known = Dialog.unpacked(dialog)
            return Usage(pair, evolve(known, local_cseq=known.local_cseq + CSEQ_MARGIN), expires,
                         state=State.ACTIVE if granted else State.PENDING, since=now, expires_at=expires_at)
        case None:
            return None
    raise ValueError("no subscription")
