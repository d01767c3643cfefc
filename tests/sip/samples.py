"""Values that the tests of the SIP edge share: the deployment of examples.md and its messages."""

from __future__ import annotations

from iwf.mapping.model import Address, Body, Item, Kind, Message, Party
from iwf.sip.settings import Hop, SipAlias, SipSettings, TrunkSettings
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request, Response, parse_message

TRUNK = TrunkSettings(
    name="proxy",
    lane="sip:proxy",
    domains=("sip.example",),
    next_hop=Hop("udp", "192.0.2.10", 5060),
    allowed_sources=("192.0.2.10", "198.51.100.0/24", "2001:db8::/64"),
)
SETTINGS = SipSettings(
    listen=(Hop("udp", "192.0.2.20", 5060), Hop("tcp", "192.0.2.20", 5060)),
    aliases=(SipAlias("x.sip.example", "xmpp"), SipAlias("sms.sip.example", "tel")),
    trunks=(TRUNK,),
    host="iwf.sip.example",
)
PEER = Hop("udp", "192.0.2.10", 5060)
NOW = 1_772_360_100.0  # 2026-03-01T10:15:00Z

ANA = Address("sip", "ana", "sip.example")
BEN_AT_X = Address("sip", "ben*xmpp.example", "x.sip.example")
VIA = Via("UDP", "iwf.sip.example", 5060, (("branch", "z9hG4bKk3Jq0x9"), ("rport", None)))

# examples.md 1.1
MESSAGE_1_1 = """\
MESSAGE sip:ben*xmpp.example@x.sip.example SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK7f3a;rport
Max-Forwards: 69
From: "Ana" <sip:ana@sip.example>;tag=a1
To: <sip:ben*xmpp.example@x.sip.example>
Call-ID: 4b1f0c9d7e@192.0.2.10
CSeq: 5 MESSAGE
Content-Type: text/plain
Content-Language: de
Content-Length: 11

Grüße
Ana"""


def octets(text: str) -> bytes:
    """A message written with single line ends: CR LF in the head, the body as it is."""
    head, _, body = text.partition("\n\n")
    return (head.replace("\n", "\r\n") + "\r\n\r\n").encode() + body.encode()


def changed(text: str, *changes: tuple[str, str]) -> str:
    """The text with some parts replaced, each of which must be there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def request(*changes: tuple[str, str], headers: str = "", body: bytes | None = None) -> Request:
    """The MESSAGE of examples.md 1.1 with changes.

    :param headers: further lines, each with its line end.
    :param body: another body.
    """
    text = changed(MESSAGE_1_1, *changes)
    text = text.replace("Content-Length: 11\n", headers)
    raw = octets(text)
    if body is not None:
        raw = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    parsed = parse_message(raw)
    assert isinstance(parsed, Request)
    return parsed


def response(status: int, reason: str = "", *headers: tuple[str, str]) -> Response:
    return Response(status, reason, headers)


def message(text: str = "hi", **fields: object) -> Message:
    """From ben at his PC to Ana, as the core hands it to the edge (examples.md 1.2)."""
    values: dict[str, object] = {
        "id": "m42",
        "origin": Party(Address("sip", "ben*xmpp.example", "x.sip.example", "pc")),
        "target": ANA,
        "bodies": (Body(text),) if text else (),
        "kind": Kind.CHAT,
        "conversation": "c-6f0e5d@iwf.sip.example",
    }
    return Message(**(values | fields))  # type: ignore[arg-type]


def item(payload: object = None, **fields: object) -> Item:
    values: dict[str, object] = {
        "id": "item-1", "lane": "sip:proxy", "stream": "s", "payload": payload or message(), "created": NOW,
    }
    return Item(**(values | fields))  # type: ignore[arg-type]
