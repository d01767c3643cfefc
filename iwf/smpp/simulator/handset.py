"""Phones of a network that exists in memory alone: what becomes of each text.  Pure."""

from __future__ import annotations

from attrs import frozen

from iwf.smpp.reasons import MessageState
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import ShortMessage


@frozen
class Fate:
    """What becomes of a submitted message."""

    status: int = c.ROK
    """The command_status of the answer."""
    answers: bool = True
    """False: the SMSC stays silent."""
    state: MessageState | None = MessageState.DELIVERED
    """The state of the final receipt; None: no receipt ever."""
    after: float = 0.0
    """Seconds from the answer to the receipt; negative: it comes before the answer (SMS-41)."""
    error: str = "000"
    replies: tuple[bytes, ...] = ()
    """Texts the phone sends back, in the default alphabet."""
    delay: float = 0.0
    """Seconds until the answer."""


class Handset:
    """The phones of a network: says what becomes of each message, and keeps them.

    Subclasses override :meth:`fate_of`; the default phone takes everything.
    """

    def __init__(self) -> None:
        self.received: list[ShortMessage] = []

    def fate_of(self, message: ShortMessage) -> Fate:
        """Decide about a message; called once for each."""
        return Fate()

    def take(self, message: ShortMessage) -> Fate:
        """Decide, and keep what was accepted."""
        fate = self.fate_of(message)
        if fate.status == c.ROK:
            self.received.append(message)
        return fate


class ScriptedHandset(Handset):
    """Goes through a list of fates, then takes everything."""

    def __init__(self, *fates: Fate) -> None:
        super().__init__()
        self.fates = list(fates)

    def fate_of(self, message: ShortMessage) -> Fate:
        return self.fates.pop(0) if self.fates else Fate()
