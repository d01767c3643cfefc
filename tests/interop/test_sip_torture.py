"""The torture messages of RFC 4475 as Kamailio reads them, beside our reading; and what we write, read by Kamailio."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from iwf.sip.syntax.message import parse_message
from tests.peers.base import launch, require, run
from tests.peers.kamailio_reading import ReadingKamailio
from tests.standards.test_rfc4475 import CASES, vector

#: Requests that one of the two takes and the other does not: Kamailio's answer (None: not a word), and why.
DIFFERENT = {
    "wsinv": (None, "Kamailio finds no method in a CSeq whose number and method are on two lines"),
    "intmeth": (None, "the name of a header holds characters of a token that Kamailio does not take there"),
    "esc02": (None, "C%6Fntact is the name of a header that nobody knows (3.1.1.5); Kamailio takes it for none"),
    "dblreq": (400, "octets behind the end are dropped (3.1.1.8); to Kamailio they belie Content-Length"),
    "trws": (200, "the RFC leaves it open (3.1.2.10)"),
    "baddn": (200, "the RFC leaves it open (3.1.2.15)"),
    "unkscm": (400, "416 with us, when we know that it is for us (SIP-30), as the RFC wants; the readers agree"),
    "novelsc": (400, "likewise"),
    "unksm2": (400, "the schemes of From and To are not our concern (3.3.4); Kamailio has to know them"),
}
#: What Kamailio makes of a request that we have read and written again, where it is no 200.
WRITTEN = {
    "intmeth": (None, "as above"),
    "esc02": (None, "as above"),
    "unkscm": (400, "as above"),
    "novelsc": (400, "as above"),
    "unksm2": (400, "as above"),
}


def is_request(name: str) -> bool:
    """Answers are not answered, so nothing can be learned of them."""
    return not vector(name).startswith(b"SIP/")


def is_taken(name: str) -> bool:
    """By us."""
    return not CASES[name].read[:1].isdigit()


class TortureTests(TestCase):
    """Two readers."""

    timeout = 30

    def setUp(self) -> None:
        require(self, ReadingKamailio)

    async def readings(self, messages: dict[str, bytes]) -> dict[str, int | None]:
        kamailio = await launch(self, ReadingKamailio(self.mktemp()))
        codes = await gatherResults([kamailio.read(octets) for octets in messages.values()])
        return dict(zip(messages, codes, strict=True))

    def test_readings(self) -> Deferred[None]:
        """Kamailio takes what we take and refuses what we refuse, but for what the table explains (SIP-12, SIP-13)."""

        async def steps() -> None:
            codes = await self.readings({name: vector(name) for name in CASES if is_request(name)})
            differing = {name: code for name, code in codes.items() if (code == 200) != is_taken(name)}
            self.assertEqual(differing, {name: code for name, (code, _) in DIFFERENT.items()})
            # Where it says why, it says the same as we do.
            said = {name: code for name, code in codes.items() if code is not None and not is_taken(name)}
            self.assertEqual({name: code for name, code in said.items() if not CASES[name].read.startswith(str(code))},
                             {name: code for name, (code, _) in DIFFERENT.items() if not is_taken(name)})

        return run(steps())

    def test_written(self) -> Deferred[None]:
        """What we have read and written again, Kamailio can read, also where it could not before."""

        async def steps() -> None:
            codes = await self.readings({name: parse_message(vector(name)).to_bytes() for name in CASES
                                         if is_request(name) and is_taken(name)})
            self.assertEqual({name: code for name, code in codes.items() if code != 200},
                             {name: code for name, (code, _) in WRITTEN.items()})

        return run(steps())
