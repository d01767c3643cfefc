"""How long to wait before the next connection to an XMPP server (XMPP-4).  Pure."""

from __future__ import annotations

from attrs import define

from iwf.ids import Ids

#: Conditions that hurry does not help against: another instance, or a wrong secret.
ALARMING = frozenset({"conflict", "not-authorized"})


@define
class Backoff:
    """How long to wait before the next connection (XMPP-4)."""

    ids: Ids
    _attempts: int = 0

    def succeeded(self) -> None:
        """A stream has been authenticated."""
        self._attempts = 0

    def delay_after(self, condition: str) -> float:
        """Seconds to wait after a connection ended.

        :param condition: of the stream error; empty when there was none.
        """
        delay = min(60.0, 2.0**self._attempts)
        self._attempts = min(self._attempts + 1, 6)
        if condition in ALARMING:
            # XMPP-4: another instance, or a wrong secret; hurry does not help.
            return max(30.0, delay) * self.ids.jitter(1.0, 1.25)
        return delay * self.ids.jitter(0.75, 1.25)
