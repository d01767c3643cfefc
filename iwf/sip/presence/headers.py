"""Values of the headers of event notification: Event, Subscription-State, Accept (RFC 6665 8.2).  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import ceil

from attrs import frozen

from iwf.sip.syntax.grammar import PARAM_ALLOWED, TOKEN, Params, escape, malformed, param_value, parse_params
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Message
from iwf.sip.syntax.uri import Uri

#: The event package of presence (RFC 3856 6.1).
PRESENCE = "presence"
#: Who watches a user (RFC 3857).
WINFO = "presence.winfo"
#: Packages that we notify of.
ALLOW_EVENTS = f"{PRESENCE}, {WINFO}"
#: The presence document that we write and read (PIDF-2).
PIDF = "application/pidf+xml"
#: The list of watchers that we write (RFC 3858).
WATCHERINFO = "application/watcherinfo+xml"
#: What the documents of a package are.
TYPE_OF_PACKAGE = {PRESENCE: PIDF, WINFO: WATCHERINFO}

_is_token = re.compile(rf"[ \t]*({TOKEN})[ \t]*").match
_is_seconds = re.compile(r"[0-9]{1,10}").fullmatch


@frozen
class Event:
    """An Event header: a package, and which of several subscriptions to it in one dialog."""

    package: str
    id: str = ""

    def __str__(self) -> str:
        return f"{self.package};id={self.id}" if self.id else self.package


def event_of(message: Message) -> Event | None:
    """The event that a request is about; None when it does not say.

    :raises SipSyntaxError: 400, when it cannot be read.
    """
    value = message.get("Event")
    if value is None:
        return None
    # RFC 6665 8.2.1: the package compares with case, and so does the id.
    package, params = _token_with_params(value, "Event")
    return Event(package, param_value(params, "id") or "")


@frozen
class SubscriptionState:
    """A Subscription-State header (RFC 6665 4.2.2)."""

    state: str
    """``active``, ``pending``, ``terminated`` or another token, in lower case."""
    expires: int | None = None
    """Seconds."""
    reason: str = ""
    """Why it is terminated, in lower case."""
    retry_after: int | None = None
    """Seconds."""

    def __str__(self) -> str:
        text = f"{self.state};reason={self.reason}" if self.reason else self.state
        if self.expires is not None:
            text += f";expires={self.expires}"
        return text if self.retry_after is None else f"{text};retry-after={self.retry_after}"


def subscription_state_of(message: Message) -> SubscriptionState:
    """The Subscription-State of a NOTIFY.

    :raises SipSyntaxError: 400, when it is missing or cannot be read (PRES-17).
    """
    state, params = _token_with_params(message.single("Subscription-State"), "Subscription-State")
    return SubscriptionState(
        state.lower(),
        _seconds(param_value(params, "expires")),
        (param_value(params, "reason") or "").lower(),
        _seconds(param_value(params, "retry-after")),
    )


def terminated(reason: str, retry_after: float | None = None) -> SubscriptionState:
    """The state of a subscription that is over.

    :param retry_after: seconds.
    """
    after = None if retry_after is None else max(1, ceil(min(retry_after, 2.0**31)))
    return SubscriptionState("terminated", None, reason, after)


def accepts(message: Message, kind: str) -> bool:
    """Whether the sender reads our documents; all do who do not say (RFC 3856 6.7, RFC 3857 4.5, PRES-20).

    :param kind: their media type.
    :raises SipSyntaxError: 400, when Accept cannot be read.
    """
    return _takes(message.listed("Accept"), kind) if message.get("Accept") is not None else True


def _takes(ranges: Iterable[str], kind: str) -> bool:
    for each in ranges:
        media, _, params = each.partition(";")
        if media.strip(" \t").lower() in (kind, "application/*", "*/*") and not _is_refused(params):
            return True
    return False


def _is_refused(params: str) -> bool:
    # RFC 3261 20.1: q=0 says "not this one".
    quality = param_value(parse_params(f";{params}", "Accept"), "q") if params.strip(" \t") else None
    return quality is not None and re.fullmatch(r"0(\.0*)?", quality) is not None


def contact(image: Uri, via: Via, transport: str, secure: bool = False, instance: str = "") -> str:
    """Our Contact in a dialog: where the peer's next request goes (SIP-76).

    :param image: the user of ours that the dialog is with.
    :param via: our hop on the way to the peer.
    :param transport: the peer needs to be told unless it is UDP, or its next request goes out another way.
    :param secure: the dialog was asked for with ``sips`` (RFC 3261 12.1.1).
    :param instance: the device of that user.
    """
    params: Params = () if transport == "udp" or secure else (("transport", transport),)
    if instance:
        params += (("gr", escape(instance, PARAM_ALLOWED)),)
    return f"<{Uri('sips' if secure else 'sip', image.user, host=via.host, port=via.port, params=params)}>"


def _token_with_params(value: str, header: str) -> tuple[str, Params]:
    match = _is_token(value)
    if match is None:
        raise malformed(header)
    return match[1], parse_params(value[match.end():], header)


def _seconds(text: str | None) -> int | None:
    return int(text) if text and _is_seconds(text) else None
