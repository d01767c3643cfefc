"""The sample deployment of examples.md as the core knows it, and events in it."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from iwf.mapping.model import SIP, TEL, XMPP, Address, Body, Kind, Message, Party
from iwf.mapping.settings import Alias, Gateway, Link, NumberPool, Trunk

X, M = "s.xmpp.example", "sms.xmpp.example"
S, P = "x.sip.example", "sms.sip.example"

LANE_X, LANE_M = f"xmpp:{X}", f"xmpp:{M}"
TRUNK, LINK = "sip:carrier", "smpp:operator"

GATEWAY = Gateway(
    name="iwf.example", secret="for tests",
    aliases=(Alias(X, XMPP, SIP, LANE_X, serves=("sip.example",)),
             Alias(M, XMPP, TEL, LANE_M),
             Alias(S, SIP, XMPP, "", serves=("xmpp.example",)),
             Alias(P, SIP, TEL, "")),
    trunks=(Trunk(TRUNK, ("sip.example",)),),
    links=(Link(LINK, ("+",), NumberPool("operator", prefix="X", width=9), service_number="4455"),))

BEN = Address(XMPP, "ben", "xmpp.example")
BEN_PC = evolve(BEN, instance="pc")
ANA = Address(SIP, "ana", "sip.example")
PHONE = Address(TEL, "+491701234567")


def from_ben(text: str = "hi", **changes: Any) -> Message:
    """Ben writes to Ana, as the XMPP edge reads it."""
    message = Message("m42", Party(BEN_PC, asserted_by=LANE_X),
                      Address(XMPP, "ana*sip.example", X), (Body(text),), Kind.CHAT, lane=LANE_X)
    return evolve(message, **changes)


def from_ben_to_phone(text: str = "hi", **changes: Any) -> Message:
    """Ben writes to a phone."""
    message = evolve(from_ben(text), origin=Party(BEN_PC, asserted_by=LANE_M), lane=LANE_M,
                     target=Address(XMPP, PHONE.user, M))
    return evolve(message, **changes)


def from_ana(text: str = "hi", **changes: Any) -> Message:
    """Ana writes to Ben, as the SIP edge reads it."""
    message = Message("z9hG4bK7f3a", Party(ANA, "Ana", asserted_by=TRUNK),
                      Address(SIP, "ben*xmpp.example", S), (Body(text),),
                      conversation="4b1f0c9d7e@192.0.2.10", lane=TRUNK)
    return evolve(message, **changes)


def from_phone(number: str, text: str = "hi", **changes: Any) -> Message:
    """The phone writes to a number."""
    message = Message("", Party(PHONE, asserted_by=LINK), Address(TEL, number), (Body(text),),
                      Kind.CHAT, lane=LINK)
    return evolve(message, **changes)
