"""Counting what may be done only so often (SMSP-1, SMSP-4, SMS-73)."""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.rows import Query, Quota, Rows, query
from iwf.mapping.turn import At


def spent(name: str, most: int, period: float, at: At) -> Generator[tuple[Query, ...], Rows, Quota | None]:
    """Use one of what there is.

    :param name: what is counted.
    :param most: how often it may be done in ``period`` seconds, which begin with the first time.
    :return: the row to write with it; None when all is used up.
    """
    rows = yield (query(Quota, name=name),)
    quota = rows.one(Quota, name=name)
    if quota is None or at.now >= quota.forget_at:
        return Quota(name, 1, at.now + period) if most > 0 else None
    return evolve(quota, used=quota.used + 1) if quota.used < most else None
