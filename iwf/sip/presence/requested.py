"""What a SUBSCRIBE or PUBLISH asks for, and the checks that all of them pass (PRES-20, RFC 3903 6).  Pure."""

from __future__ import annotations

from attrs import frozen

from iwf.mapping.model import Failure
from iwf.sip.presence.headers import ALLOW_EVENTS, TYPE_OF_PACKAGE, Event, accepts, event_of
from iwf.sip.presence.outputs import Answer, Asked
from iwf.sip.reasons import Status, status_of_failure
from iwf.sip.settings import PresenceSettings
from iwf.sip.syntax.message import Request

#: RFC 3856 6.4, and the length below which nobody is told that he asks for too little (RFC 6665 4.2.1.1).
DEFAULT_EXPIRES = 3600

BAD_EVENT = Status(489, "Bad Event", (("Allow-Events", ALLOW_EVENTS),), ("PRES-20",))
NO_SUBSCRIPTION = Status(481, "Subscription Does Not Exist", rules=("SIP-74",))


@frozen
class Wish:
    """What a SUBSCRIBE asks for."""

    event: Event
    expires: int
    """Seconds, as they are granted; 0: to end, or to know once."""


def read_subscribe(request: Request, settings: PresenceSettings) -> Wish | Status:
    """What a SUBSCRIBE asks for, or why it cannot have it (PRES-20).

    :raises SipSyntaxError: 400, for a header that cannot be read.
    """
    event = event_of(request)
    if event is None or event.package not in TYPE_OF_PACKAGE:
        return BAD_EVENT
    kind = TYPE_OF_PACKAGE[event.package]
    if not accepts(request, kind):
        return Status(406, "Not Acceptable", (("Accept", kind),), ("PRES-20",))
    expires = interval_of(request, settings)
    return expires if isinstance(expires, Status) else Wish(event, expires)


def refusal(asked: Asked, failure: Failure) -> Answer:
    """The core's no, as a peer of our own or a proxy that serves others too may hear it (ERR-12, SIP-90)."""
    return Answer(asked, status_of_failure(failure, of_gateway=failure.of_gateway and not asked.trunk.shared))


def interval_of(request: Request, settings: PresenceSettings) -> int | Status:
    """How long a subscription or publication lasts, in seconds, or the answer to one that is too brief."""
    expires = DEFAULT_EXPIRES if request.expires is None else request.expires
    if 0 < expires < min(DEFAULT_EXPIRES, settings.min_expires):
        return Status(423, "Interval Too Brief", (("Min-Expires", str(settings.min_expires)),), ("PRES-20",))
    return min(expires, settings.max_expires)
