"""Kamailio as a mere reader of SIP messages, by its module for checks (``sanity``)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.protocol import DatagramProtocol

from tests.peers.base import LOOPBACK
from tests.peers.kamailio import Kamailio

SILENCE = 0.3
"""Seconds without an answer that count as none; answers take a millisecond."""


class ReadingKamailio(Kamailio):
    """Answers what it can read with 200, else with the code of the fault or with nothing."""

    template = "kamailio_reading.cfg"

    def read(self, octets: bytes) -> Deferred[int | None]:
        """What it answers to a datagram."""
        return Deferred.fromCoroutine(self._read(octets))

    async def _read(self, octets: bytes) -> int | None:
        asker = _Asker()
        port = self.reactor.listenUDP(0, asker, interface=LOOPBACK, maxPacketSize=65_536)
        try:
            port.write(octets, (LOOPBACK, self.port))
            answer = await asker.answered.addTimeout(SILENCE, self.reactor)
        except TimeoutError:
            return None
        finally:
            await port.stopListening()
        return int(answer.split(b" ", 2)[1])


class _Asker(DatagramProtocol):
    def __init__(self) -> None:
        self.answered: Deferred[bytes] = Deferred()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if not self.answered.called:
            self.answered.callback(datagram)
