"""Why a subscription of ours ended, and what is to be done about it, as tables (PRES-7, PRES-8, PRES-16).  Pure."""

from __future__ import annotations

import re
from enum import Enum

from attrs import evolve, frozen

from iwf.ids import Ids
from iwf.mapping.model import Failure, Reason
from iwf.sip.reasons import failure_of_status
from iwf.sip.syntax.message import Response

#: PRES-7, SIP-75: refused with one of these, a refresh ends the dialog; any other failure leaves it until it expires.
DIALOG_ENDING = frozenset({404, 405, 410, 416, *range(480, 486), 489, 501, 604})

#: No Retry-After is believed beyond this, in seconds.
LONGEST_RETRY = 86400.0
#: No interval longer than this, in seconds, is asked for because the peer wants it so.
LONGEST_INTERVAL = 7 * 86400
#: Seconds until the next try, doubled each time (PRES-8, PRES-16); a part of it by chance, so that those who
#: failed together do not come back together.
FIRST_WAIT, LONGEST_WAIT, CHANCE = 60.0, 3600.0, 0.25

_is_seconds = re.compile("[0-9]{1,9}").fullmatch


class Then(Enum):
    """What to do next."""

    AT_ONCE = "at-once"      # subscribe anew
    LATER = "later"          # subscribe anew after a while
    ABSENT = "absent"        # there is nobody; whoever has been seen before may come back
    REFUSED = "refused"      # the permission is gone
    FINAL = "final"          # what was seen last will stay so


@frozen
class Ending:
    """What the end of a subscription means."""

    then: Then
    failure: Failure
    """What the watcher may be told."""
    wait: float | None = None
    """Seconds before the next try; None: longer each time."""


_PASSING = Failure(Reason.UNAVAILABLE, False)

#: PRES-8, RFC 6665 4.1.3: by the reason of the final NOTIFY.
_BY_REASON = {
    "deactivated": Ending(Then.AT_ONCE, _PASSING),
    "timeout": Ending(Then.AT_ONCE, _PASSING),
    "probation": Ending(Then.LATER, _PASSING, 60.0),
    "giveup": Ending(Then.LATER, _PASSING, 300.0),
    "rejected": Ending(Then.REFUSED, Failure(Reason.FORBIDDEN)),
    "noresource": Ending(Then.REFUSED, Failure(Reason.UNKNOWN_RECIPIENT)),
    "invariant": Ending(Then.FINAL, _PASSING),
}
_OTHER = Ending(Then.LATER, _PASSING)

#: No NOTIFY came in time (PRES-17), or the subscription ran out.
SILENT = Ending(Then.LATER, Failure(Reason.TIMEOUT, False, detail="no NOTIFY came"))
EXPIRED = Ending(Then.AT_ONCE, _PASSING)

#: PRES-16: refused for good.  406: the peer cannot make PIDF.
_REFUSING = frozenset({403, 406, 489, 603})


def after_notify(reason: str, retry_after: float | None) -> Ending:
    """What the final NOTIFY means (PRES-8).

    :param reason: as it says, lower case; empty: it says none.
    :param retry_after: seconds; has no meaning with all reasons.
    """
    ending = _BY_REASON.get(reason, _OTHER)
    if ending.then is Then.LATER and retry_after is not None:
        return evolve(ending, wait=min(retry_after, LONGEST_RETRY))
    return ending


def after_answer(response: Response) -> Ending:
    """What a final answer of 300 or more to SUBSCRIBE means (PRES-16)."""
    failure = failure_of_status(response)
    if response.status in _REFUSING:
        return Ending(Then.REFUSED, failure)
    if response.status == 481:
        # RFC 8048: the dialog is unknown, which says nothing about the presentity.
        return Ending(Then.AT_ONCE, failure)
    if failure.permanent:
        return Ending(Then.ABSENT, failure)
    wait = failure.retry_after
    return Ending(Then.LATER, failure, None if wait is None else min(wait, LONGEST_RETRY))


def longer_interval(response: Response, asked: int) -> int | None:
    """The interval to ask for after a 423 (PRES-16, PUB-3); None where there is nothing better to ask for.

    :param asked: seconds that were asked for.
    """
    least = response.get("Min-Expires") or ""
    if response.status != 423 or not _is_seconds(least) or not asked < int(least) <= LONGEST_INTERVAL:
        return None
    return int(least)


def backoff(failures: int, ids: Ids, wait: float | None = None) -> float:
    """Seconds until the next try.

    :param failures: how many there were before this one.
    :param wait: as the peer wants it.
    """
    if wait is None:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures, 10))
    return wait + ids.jitter(0, CHANCE * wait)
