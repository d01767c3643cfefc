"""What the core tells watchers, and what of it ends a subscription (RFC 6665 4.2.2).  Pure."""

from __future__ import annotations

from collections.abc import Callable

from iwf.mapping.model import Presence, Reason, WatchClosed, Watchers, WatchGranted, WatchRefused
from iwf.sip.presence.headers import SubscriptionState, terminated
from iwf.sip.syntax.uri import Uri

Shown = Presence | Watchers
"""What there is to see: the one of the package ``presence``, the other of ``presence.winfo``."""

Writer = Callable[[Shown, Uri, float, int], bytes]
"""Makes a document of it, see :func:`iwf.sip.presence.document.document_of`."""

Told = WatchGranted | WatchRefused | WatchClosed | Shown

_NO_RESOURCE = frozenset({Reason.UNKNOWN_RECIPIENT, Reason.UNKNOWN_DOMAIN, Reason.GONE})


def ending_of(told: WatchRefused | WatchClosed) -> SubscriptionState:
    """What the last NOTIFY says (PRES-24)."""
    if isinstance(told, WatchClosed):
        return terminated(told.ending.value, told.retry_after)
    return terminated("noresource" if told.failure.reason in _NO_RESOURCE else "rejected")


def content(shown: Shown) -> object:
    """What a watcher sees of it."""
    if isinstance(shown, Watchers):
        return shown.watchers
    return shown.devices, shown.aspects, shown.known, shown.notice


def is_closed(shown: Shown | None) -> bool:
    """Whether it shows somebody who has no device that is open."""
    return isinstance(shown, Presence) and not any(device.open for device in shown.devices)
