"""What the gateway answers by itself: discovery, capabilities, vCard, ping and the like.  Pure.

XMPP-13..19 and the table of section 3.  Queries to images are answered
here and never forwarded.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha1
from urllib.parse import quote

from attrs import frozen
from twisted.words.xish.domish import Element

from iwf.edge import Answered, Ignored, Reading
from iwf.mapping.model import TEL, Address, Failure, Reason
from iwf.xmpp.elements import (
    NS_PING,
    Component,
    add,
    attribute,
    child,
    children,
    octets_of,
    reply,
    text_of,
)
from iwf.xmpp.extensions import (
    NS_ACTIVITY,
    NS_MARKERS,
    NS_MOOD,
    NS_PLACE,
    NS_RECEIPTS,
    NS_STATES,
    NS_TUNE,
)
from iwf.xmpp.prompt import jid_of_prompt
from iwf.xmpp.reasons import error_reply
from iwf.xmpp.times import stamp_of_seconds
from iwf.xmpp.xhtml import NS_XHTML_IM

NS_INFO = "http://jabber.org/protocol/disco#info"
NS_ITEMS = "http://jabber.org/protocol/disco#items"
NS_CAPS = "http://jabber.org/protocol/caps"
NS_VCARD = "vcard-temp"
NS_VERSION = "jabber:iq:version"
NS_TIME = "urn:xmpp:time"
NS_LAST = "jabber:iq:last"
NS_GATEWAY = "jabber:iq:gateway"
NS_REGISTER = "jabber:iq:register"
NS_COMMANDS = "http://jabber.org/protocol/commands"

# XMPP-16, 17: only what really works.
GATEWAY_FEATURES = (
    NS_CAPS, NS_INFO, NS_ITEMS, NS_GATEWAY, NS_LAST, NS_VERSION, "jid\\20escaping", NS_PING, NS_TIME, NS_VCARD,
)  # fmt: skip
IMAGE_FEATURES = (
    NS_CAPS, NS_STATES, NS_INFO, "jabber:x:oob", NS_MARKERS, NS_PING, NS_RECEIPTS, NS_VCARD,
)  # fmt: skip
PHONE_FEATURES = (NS_CAPS, NS_INFO, "jabber:x:oob", NS_PING, NS_RECEIPTS, NS_VCARD)  # COMP-7
PERSONAL_NODES = (NS_ACTIVITY, NS_MOOD, NS_TUNE)


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
    if component.bridges == TEL or component.is_direct:
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


def caps_of(identity: tuple[str, str, str], features: tuple[str, ...]) -> str:
    """The verification string of XEP-0115 5.1 (XMPP-18).

    :param identity: category, type and name.
    """
    category, type, name = identity
    parts = [f"{category}/{type}//{name}<", *(f"{feature}<" for feature in sorted(features))]
    return b64encode(sha1("".join(parts).encode(), usedforsecurity=False).digest()).decode()


def add_caps(presence: Element, component: Component, of_image: bool) -> None:
    """Say with an available presence where our features are to be asked for (XMPP-18)."""
    ver = _ver(component, of_image)
    add(presence, "c", uri=NS_CAPS, hash="sha-1", node=_caps_node(component), ver=ver)


def features_of(component: Component, of_image: bool) -> tuple[str, ...]:
    """What images of a component, or the gateway itself, say of themselves (XMPP-16, XMPP-17)."""
    if not of_image:
        if not component.commands:
            return GATEWAY_FEATURES
        return (*GATEWAY_FEATURES, NS_COMMANDS, *((NS_REGISTER,) if component.bridges == TEL else ()))  # XMPP-16
    if component.bridges == TEL:
        return PHONE_FEATURES  # RCPT-11
    features = (*IMAGE_FEATURES, NS_XHTML_IM) if component.markup else IMAGE_FEATURES
    if not component.rich:
        return features
    nodes = PERSONAL_NODES + ((NS_PLACE,) if component.locates else ())
    # XEP-0163: who announces it gets the personal events of those who are subscribed to him.
    return (*features, *(f"{node}+notify" for node in nodes))


def _ver(component: Component, of_image: bool) -> str:
    return caps_of(_identity(component, of_image), features_of(component, of_image))


def _caps_node(component: Component) -> str:
    return f"xmpp:{component.spelling}"


def _identity(component: Component, of_image: bool) -> tuple[str, str, str]:
    """Category, type and name (section 3).  Images have no name, or each would have capabilities of
    its own to be asked for; their vCards have it."""
    phones = component.bridges == TEL
    if of_image:
        return "client", "sms" if phones else "pc", ""
    return ("gateway", "sms", "SMS gateway") if phones else ("gateway", "simple", "SIP gateway")


def _display_name(target: Address, component: Component) -> str:
    if component.bridges == TEL:
        return target.user
    if component.is_direct:
        return f"{target.user}@{target.domain}"
    user, _, domain = target.user.rpartition("*")
    return f"{user}@{domain}" if user else domain


# --- one function per query ----------------------------------------------------------------------


def _info(query: Query, answer: Element) -> None:
    component, of_image = query.component, not query.to_gateway
    category, type, name = _identity(component, of_image)
    node = attribute(query.payload, "node")
    if node and node != f"{_caps_node(component)}#{_ver(component, of_image)}":
        raise _Refusal(Reason.UNKNOWN_RECIPIENT)
    info = add(answer, "query", uri=NS_INFO, node=node)
    add(info, "identity", category=category, type=type, name=name)
    for feature in features_of(component, of_image):
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
        add(card, "FN", _identity(query.component, of_image=False)[2])
        return
    name = _display_name(query.target, query.component)
    add(card, "FN", name)
    add(card, "JABBERID", attribute(answer, "from").partition("/")[0])
    if query.component.bridges != TEL:
        add(card, "URL", f"sip:{quote(name, safe='@:+*!~()')}")
    elif name.startswith("+"):
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


def _prompt(query: Query, answer: Element) -> None:
    offer = add(answer, "query", uri=NS_GATEWAY)
    add(offer, "desc", "Enter the address of the person you want to write to.")
    add(offer, "prompt", "SIP address or telephone number")


def _prompt_set(query: Query, answer: Element) -> None:
    asked = child(query.payload, "prompt", NS_GATEWAY)
    jid = jid_of_prompt(text_of(asked) if asked is not None else "", query.component)
    if not jid:
        raise _Refusal(Reason.NOT_ACCEPTABLE)
    add(add(answer, "query", uri=NS_GATEWAY), "jid", jid)


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
    ("get", NS_GATEWAY, "query"): _prompt,
    ("set", NS_GATEWAY, "query"): _prompt_set,
}


def _responder(type: str, payload: Element, target: Address) -> Responder:
    key = (type, payload.uri, payload.name)
    responder = _FOR_ALL.get(key) or (None if target.user else _FOR_GATEWAY.get(key))
    if responder is None:
        # XMPP-19, and the table of section 6.
        raise _Refusal(Reason.NOT_OFFERED if target.user else Reason.NOT_SUPPORTED)
    return responder
