"""Stanzas and the neutral model: reading what comes in, writing what goes out.  Pure."""

from __future__ import annotations

import hashlib

from attrs import evolve
from twisted.words.xish.domish import Element

from iwf.edge import Answered, Ignored, Offered, Reading
from iwf.mapping.model import (
    NOTHING,
    TEL,
    Address,
    Body,
    Composing,
    Failure,
    Item,
    Kind,
    Message,
    Notification,
    Outcome,
    Party,
    Presence,
    Reason,
    Receipt,
    Report,
)
from iwf.xmpp import disco, receipts
from iwf.xmpp.elements import (
    LANG,
    NS_COMPONENT,
    Component,
    add,
    attribute,
    legal_attribute,
    legal_text,
    make,
    octets_of,
)
from iwf.xmpp.envelope import Unwritable, native_jid, own_jid, spelling_of
from iwf.xmpp.extensions import (
    NS_DELAY,
    NS_NICK,
    NS_SHIM,
    NS_STATES,
    Content,
    content_of,
    preferred_first,
    valid_language,
)
from iwf.xmpp.jid import (
    JidFault,
    address_of_jid,
    prepared_domain,
    split_jid,
)
from iwf.xmpp.presence.events import event_of, may_tell
from iwf.xmpp.presence.reading import read_presence
from iwf.xmpp.reasons import add_error, error_reply, failure_of_error
from iwf.xmpp.times import stamp_of_seconds
from iwf.xmpp.typing import REFRESH
from iwf.xmpp.xhtml import add_markup, read_markup

_KINDS = {"chat": Kind.CHAT, "headline": Kind.HEADLINE}
_STALE = 60.0  # MSG-20: seconds after which a text says when it was sent
_HOPS = 70  # LOOP-2
MARKUP = "text/html"


def ref_of(id: str, to: Address) -> str:
    """The reference of a stanza we wrote, by which a later error stanza is matched to it.

    ``<id>|<key of the bare address>``: the id as it stands in the stanza, and the address the
    stanza went to, which an error stanza names as its ``from``.
    """
    return f"{id}|{to.key}"


def wire_id(item: Item) -> str:
    """The id of the stanza that an outbound message becomes: its own, else the item's."""
    id = item.payload.id if isinstance(item.payload, Message) else ""
    return legal_attribute(id or item.id)


def ref_of_item(item: Item) -> str:
    """The reference of the stanza an item becomes; empty where nothing can come back."""
    return ref_of(wire_id(item), item.payload.target) if isinstance(item.payload, Message) else ""


# --- reading -------------------------------------------------------------------------------------


def read(element: Element, component: Component, now: float) -> Reading:
    """Read one stanza from the stream.  Never raises, whatever well-formed XML comes in.

    :param now: UTC seconds.
    """
    if element.uri != NS_COMPONENT or element.name not in ("message", "presence", "iq"):
        return Ignored("not a stanza")
    sender, recipient = attribute(element, "from"), attribute(element, "to")
    target, fault = _target(recipient, component)
    if target is None and not fault:
        return Ignored("not to this component", ("XMPP-11",))
    try:
        origin = address_of_jid(sender)
    except JidFault as bad:
        # ADDR-1: the sender is told, since his server knows him by that text.
        return _malformed(element, component, f"from: {bad}")
    if origin.domain in component.ours:
        return Ignored("from one of our own domains", ("LOOP-5",))
    if element.name == "presence":
        return read_presence(element, component, origin, target, now)
    if target is None:
        return _malformed(element, component, f"to: {fault}")
    if element.name == "iq":
        return disco.answer_iq(element, component, target, now)
    return _read_message(element, component, origin, target, now)


def too_large(element: Element, component: Component) -> Reading:
    """The answer to a stanza that passed a limit and whose content was thrown away (XMPP-11)."""
    return _refuse(element, component, Reason.TOO_BIG, "the stanza is too large", ("XMPP-11",))


def _target(text: str, component: Component) -> tuple[Address | None, str]:
    """The address a stanza came to, or what is wrong with it; neither when it is not for us."""
    try:
        target = address_of_jid(text)
        return (target, "") if target.domain == component.domain else (None, "")
    except JidFault as bad:
        try:
            ours = prepared_domain(split_jid(text)[1]) == component.domain
        except JidFault:
            ours = False
        return None, str(bad) if ours else ""


def _read_message(
    element: Element, component: Component, origin: Address, target: Address, now: float
) -> Reading:
    type = attribute(element, "type")
    if type == "error":
        return _read_error(element, component, origin)
    if type == "groupchat":
        text = "group chat does not cross the gateway"
        return _refuse(element, component, Reason.NOT_OFFERED, text, ("MSG-7",))
    content = content_of(element)
    if not content.bodies and not content.subjects and not content.url:
        return _read_signal(element, content, component, origin, target, now)
    if content.encrypted:
        text = "encrypted messages cannot cross the gateway"
        return _refuse(element, component, Reason.UNSUPPORTED_CONTENT, text, ("MSG-18",))
    if content.max_forwards == 0:
        return _refuse(element, component, Reason.LOOP, "too many hops", ("LOOP-2",))
    hops = _HOPS if content.max_forwards is None else content.max_forwards - 1
    bodies = _bodies(content)
    subjects = preferred_first(content.subjects, content.language)
    kind = _KINDS.get(type, Kind.NORMAL)
    sender = attribute(element, "from")
    message = Message(
        id=attribute(element, "id"),
        origin=Party(origin, content.nick, component.lane, spelling_of(sender, origin)),
        target=target,
        bodies=(*bodies, *_markup(content, bodies, component)),
        kind=kind,
        conversation=content.thread,
        subject=subjects[0].text if subjects else "",
        language=(bodies or subjects)[0].language,
        sent_at=content.sent_at,
        expires_at=_expiry(content, now),
        # MSG-7: a headline can wait, unless its sender says otherwise.
        urgency=content.urgency or (-1 if kind is Kind.HEADLINE else 0),
        hops=hops,
        key=_key(content.origin_id, sender, attribute(element, "to"), bodies),
        lane=component.lane,
        # RCPT-3: an answer names the message by its id.
        wants=frozenset(content.wants) if content.wants and attribute(element, "id") else NOTHING,
    )
    return Offered(message, _rules(content))


def _read_signal(
    element: Element, content: Content, component: Component, origin: Address, target: Address,
    now: float,
) -> Reading:
    """A message without content: news of a message of ours, a chat state, a personal event, or
    nothing."""
    if content.receipt is not None:
        outcome, id = content.receipt
        if not id:
            return Ignored("a receipt without id", ("RCPT-11",))
        return Offered(Receipt(component.lane, ref_of(id, origin), outcome), ("RCPT-5", "RCPT-10"))
    if content.state in receipts.STATES:
        if component.bridges == TEL:
            return Ignored("typing does not go to phones", ("COMP-7",))
        sender = attribute(element, "from")
        party = Party(origin, content.nick, component.lane, spelling_of(sender, origin))
        is_active = content.state == "composing"
        state = Composing(party, target, is_active, REFRESH, content.thread, component.lane)
        return Offered(state, ("COMP-3",))
    aspect = event_of(element)
    if aspect is not None and target.user:
        if not may_tell(type(aspect), origin.key, component):
            return Ignored("a personal event that does not cross", ("RICH-4",))
        party = Party(origin, "", component.lane, spelling_of(attribute(element, "from"), origin))
        told = Presence(party, target, aspects=(aspect,), whole=False, lane=component.lane)
        return Offered(told, ("RICH-1", "RICH-2"))
    return Ignored("nothing that is mapped", ("MSG-11",))


def _read_error(element: Element, component: Component, origin: Address) -> Reading:
    # ERR-1: news about a stanza of ours; never answered.
    id = attribute(element, "id")
    if not id:
        return Ignored("an error without id", ("ERR-1",))
    failure = failure_of_error(element)
    ref = ref_of(id, origin)
    return Offered(Receipt(component.lane, ref, Outcome.FAILED, failure), ("ERR-1", "ERR-5"))


def _bodies(content: Content) -> tuple[Body, ...]:
    bodies = preferred_first(content.bodies, content.language)
    first = bodies[0] if bodies else None
    if content.url and (first is None or first.text.strip() != content.url):
        # MSG-24: the address of a file goes with the text, on its own line.
        text = content.url if first is None else f"{first.text}\n{content.url}"
        first = Body(text, content.language if first is None else first.language)
    if content.corrects and first is not None:
        first = evolve(first, text=f"* {first.text}")  # MSG-19
    return bodies if first is None else (first, *bodies[1:])


def _markup(content: Content, bodies: tuple[Body, ...], component: Component) -> tuple[Body, ...]:
    """MSG-23: what the text looks like, where somebody on the far side may want to know."""
    if content.html is None or not component.markup or not bodies or content.url or content.corrects:
        return ()
    markup = read_markup(content.html)
    return (Body(markup, bodies[0].language, MARKUP),) if markup else ()


def _expiry(content: Content, now: float) -> float | None:
    if content.expires_at is None and content.lifetime is not None:
        return (now if content.sent_at is None else content.sent_at) + content.lifetime
    return content.expires_at


def _key(origin_id: str, sender: str, recipient: str, bodies: tuple[Body, ...]) -> str:
    """Plain ids start again with every session of some clients; only an origin-id (XEP-0359)
    names a message for good, and only together with its text."""
    if not origin_id:
        return ""
    text = "\0".join((origin_id, sender, recipient, *(body.text for body in bodies)))
    return "xmpp:" + hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def _rules(content: Content) -> tuple[str, ...]:
    applied = (
        ("MSG-7", True),
        ("MSG-10", len(content.bodies) > 1),
        ("MSG-19", content.corrects),
        ("MSG-20", content.sent_at is not None),
        ("MSG-24", bool(content.url)),
        ("LOOP-2", content.max_forwards is not None),
    )
    return tuple(rule for rule, is_applied in applied if is_applied)


def _malformed(element: Element, component: Component, text: str) -> Reading:
    return _refuse(element, component, Reason.MALFORMED_ADDRESS, text, ("ADDR-1", "ADDR-12"))


def _refuse(
    element: Element, component: Component, reason: Reason, text: str, rules: tuple[str, ...]
) -> Reading:
    if element.name == "presence" or not disco.may_be_answered(element):
        return Ignored(text, ("ERR-1", *rules))
    failure = Failure(reason, text=text)
    return Answered(octets_of(error_reply(element, component, failure)), text, rules)


# --- writing -------------------------------------------------------------------------------------


def write(item: Item, component: Component, with_state: bool = False) -> Element:
    """The stanza for an item.

    :param with_state: a text says that its sender has stopped typing (COMP-5).
    :raise Unwritable: when it cannot be a stanza of this component.
    """
    try:
        match item.payload:
            case Message():
                return write_message(item, item.payload, component, with_state)
            case Report():
                return write_report(item.payload, component)
            case Notification():
                return receipts.write_notification(item, item.payload, component)
            case Composing():
                return receipts.write_composing(item.payload, component)
            case _:
                raise Unwritable(Reason.NOT_SUPPORTED, "presence is no message")
    except JidFault as fault:
        raise Unwritable(Reason.MALFORMED_ADDRESS, str(fault)) from None


def write_message(
    item: Item, message: Message, component: Component, with_state: bool = False
) -> Element:
    """The message stanza for an outbound message (MSG-1..20).

    :raise JidFault: when one of the addresses is no JID.
    :raise Unwritable: when the origin is not ours, or there is nothing to say.
    """
    stanza = make(
        "message",
        type="chat" if message.kind is Kind.CHAT else "",  # MSG-8
        **{"from": own_jid(message.origin.address, component)},
        to=native_jid(message.target, message.target_spelling),
        id=wire_id(item),
    )
    texts = [body for body in message.bodies if body.type == "text/plain"]
    if not texts and not message.subject:
        raise Unwritable(Reason.UNSUPPORTED_CONTENT, "no plain text")
    language = valid_language(message.language or (texts[0].language if texts else ""))
    if language:
        stanza.attributes[LANG] = language  # MSG-16
    _add_bodies(stanza, texts, language)
    if len(message.bodies) > len(texts):
        add_markup(stanza, next((body.text for body in message.bodies if body.type == MARKUP), ""))  # MSG-22
    if message.subject:
        add(stanza, "subject", legal_text(message.subject))
    if message.conversation:
        add(stanza, "thread", legal_text(message.conversation))  # MSG-4
    if message.origin.name:
        add(stanza, "nick", legal_text(message.origin.name), NS_NICK)  # MSG-1
    _add_delay(stanza, item, message, component)
    if message.urgency or component.tells_hops:
        _add_headers(stanza, message, component)
    if texts and message.wants:
        receipts.add_requests(stanza, message.wants)
    if texts and with_state:
        add(stanza, "active", uri=NS_STATES)  # COMP-5
    return stanza


def write_report(report: Report, component: Component) -> Element:
    """The error stanza that tells a sender his message failed (ERR-2); without the payload.

    :raise JidFault: when one of the addresses is no JID.
    :raise Unwritable: when the origin is not ours.
    """
    stanza = make(
        "message",
        type="error",
        **{"from": own_jid(report.origin, component)},
        to=native_jid(report.recipient, report.recipient_spelling),
        id=legal_attribute(report.about),
    )
    add_error(stanza, component, report.failure)
    return stanza


def _add_bodies(stanza: Element, texts: list[Body], language: str) -> None:
    seen = set()
    for body in texts:
        tag = valid_language(body.language) or language
        # RFC 6121 5.2.3: not two bodies of one language.
        if tag not in seen:
            seen.add(tag)
            element = add(stanza, "body", legal_text(body.text))
            if tag != language:
                element.attributes[LANG] = tag


def _add_headers(stanza: Element, message: Message, component: Component) -> None:
    headers = add(stanza, "headers", uri=NS_SHIM)
    if message.urgency:
        add(headers, "header", "high" if message.urgency > 0 else "low", name="Urgency")  # MSG-43
    if component.tells_hops:
        add(headers, "header", str(max(0, message.hops)), name="Max-Forwards")  # LOOP-2


def _add_delay(stanza: Element, item: Item, message: Message, component: Component) -> None:
    if message.sent_at is not None and item.created - message.sent_at > _STALE:
        stamp = stamp_of_seconds(message.sent_at)
        if stamp:
            add(stanza, "delay", uri=NS_DELAY, stamp=stamp, **{"from": component.spelling})
