"""What the SMPP edge would do with a PDU, without doing it: for ``iwf explain``.  Pure."""

from __future__ import annotations

import re

from iwf.edge import Answered, Ignored, Reading
from iwf.mapping.model import Failure, Item, Taken, Verdict
from iwf.smpp.reasons import status_of_failure
from iwf.smpp.settings import SmppSettings
from iwf.smpp.translate import reading_of, submission_of
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import HEADER, decode, encode
from iwf.smpp.wire.pdu import Pdu, PduFault, response

_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}\s*)+")


class Explainer:
    """Reads, answers and writes as the edge does, from the configuration alone.

    :param link: the link the input is said to come in on; empty: the first.
    """

    def __init__(self, settings: SmppSettings, link: str = "") -> None:
        self._settings = settings
        self._link = next((one for one in settings.links if not link or one.name == link), None)

    def read(self, octets: bytes, now: float) -> Reading:
        """What a PDU is, given as its octets or in hexadecimal."""
        if self._link is None:
            return Ignored("no link is configured")
        octets = octets_of_input(octets)
        try:
            pdu = decode(octets)
        except PduFault as fault:
            return self._fault(octets, fault)
        if pdu.command in (c.DELIVER_SM, c.DATA_SM):
            return reading_of(pdu, self._link, now)
        if pdu.command & c.RESPONSE:
            return Ignored("a response", ("SMS-7",))
        if pdu.command in (c.ENQUIRE_LINK, c.UNBIND):
            return Answered(encode(response(pdu)), "a matter of the session", ("SMS-5",),
                            refused=False)
        if pdu.command in c.WITHOUT_RESPONSE:
            return Ignored(f"{pdu.name} has no answer", ("SMS-3",))
        nack = Pdu(c.GENERIC_NACK, pdu.sequence, c.RINVCMDID)
        return Answered(encode(nack), "not taken by an ESME", ("SMS-11",))

    @staticmethod
    def _fault(octets: bytes, fault: PduFault) -> Reading:
        if len(octets) < HEADER.size:
            return Ignored("shorter than a header", ("SMS-11",))
        _, command, _, sequence = HEADER.unpack_from(octets)
        if command & c.RESPONSE:
            return Ignored(f"a damaged response: {fault}", ("SMS-12",))
        answer = Pdu(command | c.RESPONSE if command in (c.DELIVER_SM, c.DATA_SM)
                     else c.GENERIC_NACK, sequence, fault.status)
        return Answered(encode(answer), str(fault), ("SMS-12",))

    def answer(self, octets: bytes, verdict: Verdict) -> bytes:
        """The response after the verdict (ERR 8.5)."""
        pdu = decode(octets_of_input(octets))
        status = c.ROK if isinstance(verdict, Taken) else status_of_failure(verdict.failure)
        return encode(response(pdu, status))

    def write(self, item: Item, now: float) -> tuple[str, bytes] | Failure:
        """On which link an item would go, and as what; several parts one after the other."""
        link = next(one for one in self._settings.links if one.lane == item.lane)
        submission = submission_of(item, link, now)
        if isinstance(submission, Failure):
            return submission
        return link.name, b"".join(
            encode(Pdu(c.SUBMIT_SM, number, c.ROK, part))
            for number, part in enumerate(submission.parts(1), 1))


def octets_of_input(octets: bytes) -> bytes:
    """The octets of a PDU that may be written in hexadecimal, white space between."""
    stripped = octets.strip()
    if _HEX.fullmatch(stripped):
        return bytes.fromhex(stripped.decode("ascii"))
    return octets
