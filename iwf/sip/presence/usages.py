"""All subscriptions of ours: found by their Call-ID, written, and kept in time.  Pure."""

from __future__ import annotations

from math import inf

from attrs import evolve

from iwf.ids import Ids
from iwf.sip.address import uri_of_address
from iwf.sip.presence.deadlines import Deadlines
from iwf.sip.presence.dialog import Dialog
from iwf.sip.presence.outputs import Send
from iwf.sip.presence.usage import Pair, Usage
from iwf.sip.presence.watch import Watch
from iwf.sip.settings import SipSettings
from iwf.sip.syntax.uri import parse_uri


class Usages:
    """The table.

    :param deadlines: where they are kept in time.
    """

    def __init__(self, settings: SipSettings, deadlines: Deadlines[Watch | Usage], ids: Ids) -> None:
        self._host = settings.host or "gateway.invalid"
        self._phone_hosts = settings.phone_hosts
        self._deadlines = deadlines
        self._ids = ids
        self._open: dict[str, Usage] = {}

    def __len__(self) -> int:
        return len(self._open)

    def get(self, call_id: str) -> Usage | None:
        """The one with that Call-ID."""
        return self._open.get(call_id)

    def uris(self, pair: Pair) -> tuple[str, str]:
        """From and To of its subscriptions, which are bare (PRES-1).

        :raises NoImage: when an address cannot be written in SIP.
        """
        hosts = self._phone_hosts
        return (str(uri_of_address(pair.watcher.bare(), phone_hosts=hosts)),
                str(uri_of_address(pair.presentity, pair.spelling, hosts)))

    def open(self, pair: Pair, expires: int, now: float, leg: str = "") -> Usage:
        """Begin a subscription: a new Call-ID, a new tag.

        :param expires: seconds; 0: a poll.
        :param leg: the one that polls.
        """
        local, remote = self.uris(pair)
        dialog = Dialog(f"{self._ids.token()}@{self._host}", self._ids.token(), "", local, remote, remote)
        usage = Usage(pair, dialog, expires, leg, send_at=now)
        self.add(usage)
        return usage

    def add(self, usage: Usage) -> None:
        """Take in one that is remembered."""
        self._open[usage.dialog.call_id] = usage
        self.plan(usage)

    def plan(self, usage: Usage) -> None:
        """Its times may have changed."""
        self._deadlines.set(usage, usage.next_due())

    def leave(self, usage: Usage, now: float) -> None:
        """Nobody wants it any more; it is brought to an end where the peer knows of it."""
        if usage.leave(now):
            self.plan(usage)
        else:
            self.drop(usage)

    def drop(self, usage: Usage) -> None:
        """It is over."""
        del self._open[usage.dialog.call_id]
        self._deadlines.set(usage, inf)

    def send(self, usage: Usage, now: float) -> Send:
        """Its next SUBSCRIBE."""
        uri = usage.dialog.next_uri
        request = usage.compose(now)
        self.plan(usage)
        image, watcher = parse_uri(usage.dialog.local), usage.pair.watcher
        if watcher.instance:
            image = evolve(image, params=uri_of_address(watcher).params)  # SIP-76: gr, where it is known
        return Send(usage.dialog.call_id, request, uri, usage.pair.lane, image=image)
