"""The table of presence over SIP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from iwf.config.kinds import Count, Seconds, Table
from iwf.sip.settings import PresenceSettings

_DEFAULT = PresenceSettings()

Interval = Annotated[int, Field(ge=1, le=86_400)]


class PresenceTable(Table):
    """``[sip.presence]``"""

    enabled: bool = True
    min_expires: Interval = _DEFAULT.min_expires  # PRES-20
    max_expires: Interval = _DEFAULT.max_expires
    notify_min: Annotated[float, Field(ge=0, le=3600)] = _DEFAULT.notify_min  # PRES-34
    poll_wait: Annotated[float, Field(ge=0, le=30)] = _DEFAULT.poll_wait  # PRES-28
    max_watchers: Count = _DEFAULT.max_watchers
    sub_expires: Interval = _DEFAULT.sub_expires  # PRES-1
    sub_idle: Literal["expire", "end"] = "expire"  # PRES-10
    dead_after: Seconds = _DEFAULT.dead_after  # PRES-16
    tune_as_note: bool = _DEFAULT.tune_as_note  # RICH-3

    def settings(self) -> PresenceSettings | None:
        """What the edge is told; None: presence is off."""
        if not self.enabled:
            return None
        return PresenceSettings(self.sub_expires, self.sub_idle, self.dead_after, self.min_expires,
                                max(self.min_expires, self.max_expires), self.notify_min, self.poll_wait,
                                self.max_watchers, self.tune_as_note)  # fmt: skip
