"""What the gateway answers by itself: discovery, vCard, ping and the like, simple presence.  Pure.

XMPP-13..19, the table of section 3, XMPP-21 without registration.  Queries to images are answered
here and never forwarded.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha1

from attrs import frozen
from twisted.words.xish.domish import Element

from iwf.edge import Answered, Ignored, Reading
from iwf.mapping.model import TEL, Address, Failure, Reason
from iwf.xmpp.elements import (
    NS_PING,
    Component,
    add,
    attribute,
    children,
    octets_of,
    reply,
)
from iwf.xmpp.extensions import NS_MARKERS, NS_RECEIPTS, NS_STATES
from iwf.xmpp.reasons import error_reply
from iwf.xmpp.times import stamp_of_seconds

NS_INFO = "http://jabber.org/protocol/disco#info"
NS_ITEMS = "http://jabber.org/protocol/disco#items"
NS_CAPS = "http://jabber.org/protocol/caps"
NS_VCARD = "vcard-temp"
NS_VERSION = "jabber:iq:version"
NS_TIME = "urn:xmpp:time"
NS_LAST = "jabber:iq:last"

# XMPP-16, 17: only what really works.
GATEWAY_FEATURES = (
    NS_CAPS, NS_INFO, NS_ITEMS, NS_LAST, NS_VERSION, "jid\\20escaping", NS_PING, NS_TIME, NS_VCARD,
)  # fmt: skip
IMAGE_FEATURES = (NS_STATES, NS_INFO, "jabber:x:oob", NS_MARKERS, NS_PING, NS_RECEIPTS, NS_VCARD)
PHONE_FEATURES = (NS_INFO, "jabber:x:oob", NS_PING, NS_RECEIPTS, NS_VCARD)  # COMP-7


@frozen
class Query:
    """One iq of type get or set, and whom it asks."""

    iq: Element
    payload: Element
    target: Address
    component: Component
    now: float

    @property
    def to_gateway(self) -> bool:
        return not self.target.user


class _Refusal(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def may_be_answered(element: Element) -> bool:
    """False for errors and results, which never cause an answer (ERR-1)."""
    return attribute(element, "type") not in ("error", "result")


def is_image(target: Address, component: Component) -> bool:
    """Whether a local part can stand for a user of the other world (XMPP-13, ADDR-13)."""
    if component.bridges == TEL:
        return bool(target.user)
    return bool(target.user.rpartition("*")[2]) and "*" in target.user


def answer_iq(iq: Element, component: Component, target: Address, now: float) -> Reading:
    """Answer an iq to the gateway or to an image (XMPP-19)."""
    type = attribute(iq, "type")
    if type not in ("get", "set"):
        return Ignored("an answer to nothing we asked", ("XMPP-19",))
    payload = next(children(iq), None)
    try:
        if payload is None:
            raise _Refusal(Reason.MALFORMED)
        if target.user and not is_image(target, component):
            raise _Refusal(Reason.UNKNOWN_RECIPIENT)  # XMPP-13
        answer = reply(iq, component, "result")
        _responder(type, payload, target)(Query(iq, payload, target, component, now), answer)
        return Answered(octets_of(answer), "query", ("XMPP-19",), refused=False)
    except _Refusal as refusal:
        octets = octets_of(error_reply(iq, component, Failure(refusal.reason)))
        return Answered(octets, f"query: {refusal}", ("XMPP-19",))


def answer_presence(presence: Element, component: Component, target: Address | None) -> Reading:
    """Answer what the gateway can answer without knowing anybody's presence.

    :param target: None when the address cannot be read.
    """
    type = attribute(presence, "type")
    if type not in ("subscribe", "probe"):
        return Ignored("presence", ("XMPP-13",))
    if target is None or (target.user and not is_image(target, component)):
        return _answered(_presence(presence, component, "unsubscribed"), rules=("XMPP-13",))
    if target.user:
        if type == "probe":
            # RFC 6121 4.3.2: who may not see somebody is told that he is not subscribed.
            return _answered(_presence(presence, component, "unsubscribed"), rules=("XMPP-13",))
        failure = Failure(Reason.NOT_SUPPORTED, text="presence is not bridged")
        return Answered(octets_of(error_reply(presence, component, failure)), "subscribe")
    answers = [_presence(presence, component, "subscribed")] if type == "subscribe" else []
    return _answered(*answers, _available(presence, component), rules=("XMPP-21",))


def caps_of(identity: tuple[str, str, str], features: tuple[str, ...]) -> str:
    """The verification string of XEP-0115 5.1 (XMPP-18).

    :param identity: category, type and name.
    """
    category, type, name = identity
    parts = [f"{category}/{type}//{name}<", *(f"{feature}<" for feature in sorted(features))]
    return b64encode(sha1("".join(parts).encode(), usedforsecurity=False).digest()).decode()


def _answered(*stanzas: Element, rules: tuple[str, ...]) -> Answered:
    return Answered(b"".join(map(octets_of, stanzas)), "presence", rules, refused=False)


def _presence(request: Element, component: Component, type: str) -> Element:
    """A presence stanza from the bare JID that was asked to the bare JID that asks."""
    answer = reply(request, component, type)
    for name in ("from", "to"):
        answer.attributes[name] = answer.attributes[name].partition("/")[0]
    answer.attributes.pop("id", None)
    return answer


def _available(request: Element, component: Component) -> Element:
    answer = _presence(request, component, "")
    ver = caps_of(_identity(None, component), GATEWAY_FEATURES)
    add(answer, "c", uri=NS_CAPS, hash="sha-1", node=_caps_node(component), ver=ver)
    return answer


def _caps_node(component: Component) -> str:
    return f"xmpp:{component.spelling}"


def _identity(target: Address | None, component: Component) -> tuple[str, str, str]:
    """Category, type and name (section 3); no target means the gateway itself."""
    phones = component.bridges == TEL
    if target is None or not target.user:
        return ("gateway", "sms", "SMS gateway") if phones else ("gateway", "simple", "SIP gateway")
    return "client", "sms" if phones else "pc", _display_name(target, component)


def _display_name(target: Address, component: Component) -> str:
    if component.bridges == TEL:
        return target.user
    user, _, domain = target.user.rpartition("*")
    return f"{user}@{domain}" if user else domain


# --- one function per query ----------------------------------------------------------------------


def _info(query: Query, answer: Element) -> None:
    of_image = PHONE_FEATURES if query.component.bridges == TEL else IMAGE_FEATURES  # RCPT-11
    features = GATEWAY_FEATURES if query.to_gateway else of_image
    identity = category, type, name = _identity(query.target, query.component)
    node = attribute(query.payload, "node")
    if node and node != f"{_caps_node(query.component)}#{caps_of(identity, features)}":
        raise _Refusal(Reason.UNKNOWN_RECIPIENT)
    info = add(answer, "query", uri=NS_INFO, node=node)
    add(info, "identity", category=category, type=type, name=name)
    for feature in features:
        add(info, "feature", var=feature)


def _items(query: Query, answer: Element) -> None:
    if attribute(query.payload, "node"):
        raise _Refusal(Reason.UNKNOWN_RECIPIENT)
    add(answer, "query", uri=NS_ITEMS)


def _ping(query: Query, answer: Element) -> None:
    """An empty result (XEP-0199)."""


def _vcard(query: Query, answer: Element) -> None:
    card = add(answer, "vCard", uri=NS_VCARD)
    if query.to_gateway:
        add(card, "FN", _identity(None, query.component)[2])
        return
    name = _display_name(query.target, query.component)
    add(card, "FN", name)
    add(card, "JABBERID", attribute(answer, "from").partition("/")[0])
    if query.component.bridges == TEL and name.startswith("+"):
        add(add(card, "TEL"), "NUMBER", name)


def _vcard_set(query: Query, answer: Element) -> None:
    raise _Refusal(Reason.NOT_ALLOWED)  # XMPP-34


def _version(query: Query, answer: Element) -> None:
    version = add(answer, "query", uri=NS_VERSION)
    add(version, "name", "iwf")
    add(version, "version", query.component.version)


def _time(query: Query, answer: Element) -> None:
    time = add(answer, "time", uri=NS_TIME)
    add(time, "tzo", "+00:00")
    add(time, "utc", stamp_of_seconds(query.now))


def _last(query: Query, answer: Element) -> None:
    uptime = max(0, int(query.now - query.component.started))
    add(answer, "query", uri=NS_LAST, seconds=str(uptime))


Responder = Callable[[Query, Element], None]

_FOR_ALL: dict[tuple[str, str, str], Responder] = {
    ("get", NS_INFO, "query"): _info,
    ("get", NS_ITEMS, "query"): _items,
    ("get", NS_PING, "ping"): _ping,
    ("get", NS_VCARD, "vCard"): _vcard,
    ("set", NS_VCARD, "vCard"): _vcard_set,
}
_FOR_GATEWAY: dict[tuple[str, str, str], Responder] = {
    ("get", NS_VERSION, "query"): _version,
    ("get", NS_TIME, "time"): _time,
    ("get", NS_LAST, "query"): _last,
}


def _responder(type: str, payload: Element, target: Address) -> Responder:
    key = (type, payload.uri, payload.name)
    responder = _FOR_ALL.get(key) or (None if target.user else _FOR_GATEWAY.get(key))
    if responder is None:
        # XMPP-19, and the table of section 6.
        raise _Refusal(Reason.NOT_OFFERED if target.user else Reason.NOT_SUPPORTED)
    return responder
