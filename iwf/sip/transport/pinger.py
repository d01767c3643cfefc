"""Drives the pings of one connection.  Shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iwf.sip.transport.keepalive import KeepAlive, Step


class Pinger:
    """One delayed call for one :class:`~iwf.sip.transport.keepalive.KeepAlive`.

    :param clock: IReactorTime.
    :param ping: sends a ping.
    :param fail: ends the connection.
    """

    def __init__(self, machine: KeepAlive, clock: Any, ping: Callable[[], object], fail: Callable[[], object]) -> None:
        self._machine = machine
        self._clock = clock
        self._ping = ping
        self._fail = fail
        self._call: Any = None
        self._set()

    def heard(self) -> None:
        """Something has come in that shows that the other side lives."""
        self._machine.heard()

    def stop(self) -> None:
        """No more pings."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _set(self) -> None:
        self._call = self._clock.callLater(max(0.0, self._machine.next_timer() - self._clock.seconds()), self._due)

    def _due(self) -> None:
        step = self._machine.handle_timer(self._clock.seconds())
        if step is Step.FAIL:
            self._call = None
            self._fail()
            return
        if step is Step.PING:
            self._ping()
        self._set()
