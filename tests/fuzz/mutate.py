"""SIP messages to begin with, and ways to spoil them.  Everything follows from one seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.standards.test_rfc4475 import CASES as RFC4475
from tests.standards.test_rfc4475 import vector
from tests.standards.test_rfc5118 import CASES as RFC5118

#: Longest message made; a little more than a datagram holds.
LONGEST = 70_000

_HEAD = """\
{start}\r
Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKseed;rport\r
Max-Forwards: 70\r
From: "Juliet" <sip:juliet@example.net>;tag=f1\r
To: <sip:romeo*xmpp.test@example.org>\r
Call-ID: 4b1f0c9d7e@192.0.2.9\r
CSeq: 5 {method}\r
{lines}Content-Length: {length}\r
\r
"""
_ROMEO, _PHONE = "sip:romeo*xmpp.test@example.org", "sip:+491701234567@example.com"
_CPIM = """\
From: <sip:juliet@example.net>\r
To: <sip:romeo*xmpp.test@example.org>\r
DateTime: 2026-03-01T10:15:00Z\r
NS: imdn <urn:ietf:params:imdn>\r
imdn.Message-ID: 34jk324j\r
imdn.Disposition-Notification: positive-delivery, display\r
\r
Content-Type: text/plain; charset=utf-8\r
\r
Grüße 😀"""
_IMDN = """<?xml version="1.0"?><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>34jk324j</message-id>\
<datetime>2026-03-01T10:15:00Z</datetime><delivery-notification><status><delivered/></status></delivery-notification>\
</imdn>"""
_TYPING = """<?xml version="1.0"?><isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state>\
<contenttype>text/plain</contenttype><refresh>60</refresh></isComposing>"""
_PIDF = """<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:juliet@example.net">\
<tuple id="ID-balcony"><status><basic>open</basic></status><note xml:lang="en">here</note></tuple></presence>"""
_PARTS = "--b\r\nContent-Type: text/html\r\n\r\n<p>Hi&amp;</p>\r\n" \
         "--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n--b--\r\n"

_TYPICAL = (
    ("MESSAGE", _ROMEO, "Content-Type: text/plain;charset=utf-8\r\n", "Grüße\nJuliet"),
    ("MESSAGE", _ROMEO, "Subject: =?x?\r\nDate: Sun, 01 Mar 2026 10:15:00 GMT\r\nExpires: 3600\r\nPriority: urgent\r\n"
                        "Content-Language: de, en\r\nContent-Type: text/plain\r\n", "x"),
    ("MESSAGE", _PHONE, "Content-Type: text/plain\r\n", "to a phone " * 40),
    ("MESSAGE", "tel:+491701234567", "c: text/html\r\nRequire: gruu\r\n", "<b>bold</b>"),
    ("MESSAGE", _ROMEO, "Content-Type: message/cpim\r\n", _CPIM),
    ("MESSAGE", _ROMEO, "Content-Type: message/imdn+xml\r\n", _IMDN),
    ("MESSAGE", _ROMEO, "Content-Type: application/im-iscomposing+xml\r\n", _TYPING),
    ("MESSAGE", _ROMEO, 'Content-Type: multipart/alternative;boundary="b"\r\n', _PARTS),
    ("OPTIONS", "sip:example.com", "Accept: */*\r\nSupported: path, gruu\r\n", ""),
    ("REGISTER", "sip:example.com", 'Contact: *\r\nExpires: 0\r\nAuthorization: Digest username="a", realm="r", '
                                    'nonce="n", uri="sip:x", response="0", nc=00000001, qop=auth\r\n', ""),
    ("SUBSCRIBE", _ROMEO, "Event: presence\r\nContact: <sip:juliet@192.0.2.9>\r\n", ""),
    ("SUBSCRIBE", _ROMEO, "Event: presence;id=1\r\nContact: <sip:juliet@192.0.2.9;transport=tcp>;expires=60\r\n"
                          "Record-Route: <sip:192.0.2.9;lr>, <sip:192.0.2.8>\r\nExpires: 0\r\n"
                          "Accept: application/pidf+xml;q=0.9, */*\r\n", ""),
    ("NOTIFY", _ROMEO, "Event: presence\r\nContact: <sip:juliet@192.0.2.9>\r\n"
                       "Subscription-State: active;expires=60\r\nContent-Type: application/pidf+xml\r\n", _PIDF),
    ("ACK", _ROMEO, "", ""), ("CANCEL", _ROMEO, "", ""),
)


def _typical(method: str, uri: str, lines: str, body: str) -> bytes:
    octets = body.encode()
    head = _HEAD.format(start=f"{method} {uri} SIP/2.0", method=method, lines=lines, length=len(octets))
    return head.encode() + octets


def _response(status: int, lines: str = "") -> bytes:
    return _HEAD.format(start=f"SIP/2.0 {status} Any", method="MESSAGE", lines=lines, length=0).encode()


def seeds() -> list[bytes]:
    """All messages that mutations start from."""
    return [*(vector(name) for name in RFC4475), *(case.octets for case in RFC5118.values()),
            *(_typical(*parts) for parts in _TYPICAL), *[_typical(*parts) for parts in _TYPICAL[:8]] * 5,
            _response(100), _response(202), _response(503, "Retry-After: 30\r\n"),
            _response(401, 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n')]


_NUMBERS = (b"0", b"-1", b"255", b"256", b"65535", b"65536", b"2147483648", b"4294967296", b"9" * 25, b"1" * 400,
            b"00000000000000000001", b"1e9", "\N{ARABIC-INDIC DIGIT FIVE}".encode())
_WORDS = (b"\0", b"\\\0", b"\r", b"\n", b"\r\n", b"\r\n ", b"\t",
          b'"', b'\\"', b"<", b">", b"<>", b",", b";", b";;", b"=",
          b"@", b":", b"%", b"%00", b"%ff", b"%C3%BC", b"*", b"[", b"]", b"[::1]", b"\xff\xfe", b"\xed\xa0\x80",
          "ü".encode(), "\u202e".encode(), "\u2028".encode(), "😀".encode(), "\ufffe".encode(), b"\x1b[2J",
          b"sip:", b"sips:a@b", b"tel:+1", b"z9hG4bK", b"SIP/2.0", b";tag=", b"&#0;", b"]]>", b"<!DOCTYPE a>")


class Mutator:
    """Makes messages out of others."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._seeds = seeds()
        self._count = 0
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            self._flip, self._splice, self._repeat, self._truncate, self._cut, self._shuffle, self._double_line,
            self._drop_line, self._foreign_line, self._number, self._word, self._word, self._nothing,
        )

    def message(self) -> bytes:
        """One message, spoiled in up to five ways; now and then in none."""
        random = self._random
        octets = random.choice(self._seeds)
        self._count += 1
        if random.random() < 0.7:       # else: a repetition, or another request in the same transaction
            octets = octets.replace(b"z9hG4bK", b"z9hG4bK%d-" % self._count, 1)
            octets = octets.replace(b"\r\nCall-ID: ", b"\r\nCall-ID: %d" % self._count, 1)
        return self.spoil(octets)

    def spoil(self, octets: bytes) -> bytes:
        """That message, spoiled in up to five ways."""
        for _ in range(self._random.choice((0, 1, 1, 1, 1, 2, 2, 5))):
            octets = self._random.choice(self._ways)(octets)[:LONGEST]
        return octets

    def chunks(self, octets: bytes) -> list[bytes]:
        """The octets in pieces of any size."""
        pieces, position = [], 0
        while position < len(octets):
            size = self._random.choice((1, 2, 3, 50, 1000, 70_000))
            pieces.append(octets[position:position + size])
            position += size
        return pieces

    def _at(self, octets: bytes) -> int:
        return self._random.randrange(len(octets) + 1)

    def _slice(self, octets: bytes) -> bytes:
        start = self._at(octets)
        return octets[start:start + self._random.choice((1, 4, 30, 200))]

    def _nothing(self, octets: bytes) -> bytes:
        return octets

    def _flip(self, octets: bytes) -> bytes:
        changed = bytearray(octets)
        for _ in range(self._random.randrange(1, 9) if octets else 0):
            changed[self._random.randrange(len(changed))] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def _splice(self, octets: bytes) -> bytes:
        other = self._random.choice(self._seeds)
        return octets[:self._at(octets)] + other[self._at(other):]

    def _repeat(self, octets: bytes) -> bytes:
        at = self._at(octets)
        return octets[:at] + self._slice(octets) * self._random.choice((1, 2, 10, 300)) + octets[at:]

    def _truncate(self, octets: bytes) -> bytes:
        return octets[:self._at(octets)]

    def _cut(self, octets: bytes) -> bytes:
        at = self._at(octets)
        return octets[:at] + octets[at + self._random.randrange(1, 40):]

    def _lines(self, octets: bytes, change: Callable[[list[bytes]], None]) -> bytes:
        head, blank, body = octets.partition(b"\r\n\r\n")
        start, *lines = head.split(b"\r\n")
        if lines:
            change(lines)
        return b"\r\n".join([start, *lines]) + blank + body

    def _shuffle(self, octets: bytes) -> bytes:
        return self._lines(octets, self._random.shuffle)

    def _double_line(self, octets: bytes) -> bytes:
        return self._lines(octets, lambda lines: lines.insert(
            self._random.randrange(len(lines) + 1), self._random.choice(lines)))

    def _drop_line(self, octets: bytes) -> bytes:
        return self._lines(octets, lambda lines: lines.remove(self._random.choice(lines)))

    def _foreign_line(self, octets: bytes) -> bytes:
        other = self._random.choice(self._seeds).partition(b"\r\n\r\n")[0].split(b"\r\n")
        return self._lines(octets, lambda lines: lines.append(self._random.choice(other)))

    def _number(self, octets: bytes) -> bytes:
        places = [at for at, octet in enumerate(octets[:4000]) if 0x30 <= octet <= 0x39]
        if not places:
            return octets
        start = end = self._random.choice(places)
        while octets[end:end + 1].isdigit():
            end += 1
        return octets[:start] + self._random.choice(_NUMBERS) + octets[end:]

    def _word(self, octets: bytes) -> bytes:
        at = self._at(octets)
        return octets[:at] + self._random.choice(_WORDS) + octets[at:]
