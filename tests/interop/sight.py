"""What an XMPP client was told of the presence of others."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from tests.peers.base import Event
from tests.support.seen import ONLINE, SHOWS, State, View


@define(eq=False)
class Sight:
    """What one XMPP client was told of others, from its events."""

    read: int = 0
    contacts: dict[str, str] = field(factory=dict)
    """The roster: subscriptions by bare JID."""
    asking: set[str] = field(factory=set)
    seen: dict[str, dict[str, State]] = field(factory=dict)
    """By contact and resource."""

    def look(self, history: Sequence[Event]) -> None:
        """Take in what has come since the last time."""
        new, self.read = history[self.read:], len(history)
        for event in new:
            if event["event"] == "roster":
                self.contacts = dict(event["contacts"])
            elif event["event"] == "presence":
                self._presence(event)

    def _presence(self, event: Event) -> None:
        jid, _, device = event["from"].partition("/")
        devices = self.seen.setdefault(jid, {})
        if event["type"] == "subscribe":
            self.asking.add(jid)
        elif event["type"] == "unavailable":
            devices.pop(device, None)
            if not device:
                devices.clear()
        elif event["type"] in ("available", *SHOWS):
            show = ONLINE if event["type"] == "available" else event["type"]
            devices[device] = State(device, show, event["status"] or "")

    def view(self, jid: str) -> View | None:
        """See :meth:`tests.scenarios.stage.Stage.views`."""
        devices = self.seen.get(jid)
        if self.contacts.get(jid, "none") in ("to", "both") or devices:
            return frozenset((devices or {}).values())
        return None
