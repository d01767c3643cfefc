"""Where a watcher or a presentity is a phone: the one place that decides about it."""

from __future__ import annotations

from iwf.mapping.model import TEL, Address, Failure, Reason

#: SMSP-7: a phone that never registered has no presence, and none can register yet.
_NO_PRESENCE = Failure(Reason.NOT_ALLOWED, text="phones show no presence",
                       detail="SMSP-7: the phone is not registered")


def refused_to_phones(watcher: Address, presentity: Address) -> Failure | None:
    """Why these two have no presence of each other, where one of them is a phone; else None."""
    return _NO_PRESENCE if TEL in (watcher.scheme, presentity.scheme) else None
