"""Neutral payloads to MESSAGE requests: page mode (RFC 3428, RFC 7572).  Pure.

:mod:`iwf.sip.messaging.pager` reads them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Iterator

from attrs import evolve

from iwf.mapping import composing, cpim
from iwf.mapping.model import (
    Address,
    Body,
    Composing,
    Failure,
    Item,
    Kind,
    Message,
    Notification,
    Reason,
    Report,
)
from iwf.sip.address import NoImage, uri_of_address
from iwf.sip.messaging.habits import Habits
from iwf.sip.messaging.notices import notice
from iwf.sip.messaging.rich import rich_content
from iwf.sip.messaging.signals import (
    composing_body,
    message_id,
    notification_body,
    ref_of,
    routes_of,
    token,
    wrapped_text,
)
from iwf.sip.reasons import one_line
from iwf.sip.settings import SipSettings, TrunkSettings
from iwf.sip.syntax.dates import write_date
from iwf.sip.syntax.headers import NameAddr, Via, is_language
from iwf.sip.syntax.message import Request
from iwf.sip.syntax.uri import Uri, parse_uri
from iwf.sip.transaction.loops import OPEN, closed, mark_of
from iwf.sip.transport.routing import outbound_route

#: MSG-27: octets of a whole MESSAGE outside a session.
PAGE_LIMIT = 1300

#: How far the CSeq of a request in another form is above that of the form before, which may have been sent again
#: with credentials (SIP-60), so that no agent takes the one for the other (MSG-6a).
FORM_STEP = 10
#: MSG-6: the highest number that can stand for an id, with room for all forms.
_MOST = 2**31 - 10 * FORM_STEP

#: MSG-43.
_PRIORITY = {2: "emergency", 1: "urgent", -1: "non-urgent"}

_WORD = r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]+"
_is_call_id = re.compile(rf"(?=.{{1,255}}\Z){_WORD}(?:@{_WORD})?").fullmatch  # RFC 3261 25.1: callid
_DIALLED = frozenset("+0123456789*#")
_is_number = re.compile(r"[0-9]{1,10}").fullmatch


def write(item: Item, trunk: TrunkSettings, settings: SipSettings, via: Via,
          habits: Habits | None = None, form: int = 0) -> Request | Failure:
    """The MESSAGE for an item.

    Call-ID, From tag and CSeq depend on the item alone, so that a repetition after a crash looks
    like one.

    :param via: our hop, with a fresh branch.
    :param habits: what is known of the users; None: nothing.
    :param form: how many other forms of it the target has refused.
    """
    habits = habits or Habits()
    try:
        match item.payload:
            case Message():
                return _write_message(item, trunk, settings, via, habits, form)
            case Report():
                return _write_report(item, trunk, settings, via, habits)
            case Notification():
                return _write_notification(item, item.payload, trunk, settings, via)
            case Composing():
                return _write_composing(item, item.payload, trunk, settings, via, habits)
            case _:
                return Failure(Reason.NOT_SUPPORTED, detail="presence is no MESSAGE")
    except NoImage as fault:
        return Failure(Reason.MALFORMED_ADDRESS, text=str(fault))


def wants_wrapper(message: Message, trunk: TrunkSettings, habits: Habits) -> bool:
    """Whether the target is asked for receipts, which takes message/cpim (RCPT-1, RCPT-2)."""
    if not message.wants or not message.bodies or trunk.cpim == "never":
        return False
    takes_it = habits.of(message.target).takes_cpim
    return takes_it is True or (takes_it is None and trunk.cpim == "always")


def ref_of_item(item: Item) -> str:
    """The reference of an item that holds a :class:`~iwf.mapping.model.Message`."""
    assert isinstance(item.payload, Message)
    return ref_of(message_id(item), item.payload.target)


def ref_of_request(item: Item, request: Request) -> str:
    """The reference under which receipts for a request come back; empty where none can."""
    if isinstance(item.payload, Message) and request.get("Content-Type") == cpim.TYPE:
        return ref_of_item(item)
    return ""


def _write_message(item: Item, trunk: TrunkSettings, settings: SipSettings, via: Via,
                  habits: Habits, form: int) -> Request | Failure:
    """The MESSAGE for an item that holds a :class:`~iwf.mapping.model.Message`.

    :raises NoImage: when an address has none.
    """
    message = item.payload
    assert isinstance(message, Message)
    sender = _from(message.origin.address, message.origin.name, item, settings)
    target = target_uri(item, settings)                              # MSG-2: Request-URI = To
    call_id = _call_id(message.conversation, message.target, item, settings, habits)
    cseq = 1 + FORM_STEP * form                                      # MSG-6a: a fresh From tag
    if trunk.profile == "draft" and _is_number(message.id) and int(message.id) < _MOST:
        cseq += int(message.id) - 1                                  # MSG-6
    headers = _common_headers(message.hops, sender, target, call_id, cseq, trunk)
    body = _chosen_body(message)
    _add_optional(headers, item, message, body)
    text = body.text.encode("utf-8", "replace") if body is not None else b""
    request: Request | Failure = Failure(Reason.TOO_BIG)
    for content_type, content in _forms(item, message, text, target, trunk, settings, habits):
        request = _limited(target, via, headers, content_type, content, trunk, settings)
        if isinstance(request, Request):
            break
    return request


def _forms(item: Item, message: Message, text: bytes, target: Uri, trunk: TrunkSettings, settings: SipSettings,
           habits: Habits) -> Iterator[tuple[str, bytes]]:
    """Content type and content of a message, the richest form first; the first one that there is room for is sent."""
    rich = None
    if len(message.bodies) > 1 and text:
        rich = rich_content(item, text, habits.of(message.target).markup or trunk.html)
    if wants_wrapper(message, trunk, habits):
        bare = message.origin.address.bare()
        seen_as = uri_of_address(bare, phone_hosts=_phone_hosts(bare, settings))
        for kind, content in (*([rich] if rich else []), ("text/plain; charset=utf-8", text)):
            yield cpim.TYPE, wrapped_text(item, message.sent_at, message.wants, seen_as, target, kind, content)
    if rich is not None:
        yield rich
    yield _plain_type(trunk), text


def target_uri(item: Item, settings: SipSettings) -> Uri:
    """The Request-URI of an item's MESSAGE.

    :raises NoImage: when its target has none.
    """
    payload = item.payload
    if isinstance(payload, Report | Notification):
        return uri_of_address(payload.recipient, payload.recipient_spelling)
    return uri_of_address(payload.target, payload.target_spelling, _phone_hosts(payload.target, settings))


def _write_report(item: Item, trunk: TrunkSettings, settings: SipSettings, via: Via,
                  habits: Habits) -> Request | Failure:
    """The notice MESSAGE for an item that holds a :class:`~iwf.mapping.model.Report` (MSG-33).

    It comes from the address that the recipient had written to.

    :raises NoImage: when an address has none.
    """
    report = item.payload
    assert isinstance(report, Report)
    sender = _from(report.origin, "", item, settings)
    target = target_uri(item, settings)
    call_id = _call_id(report.conversation, report.recipient, item, settings, habits)
    headers = _common_headers(70, sender, target, call_id, 1, trunk)
    headers.append(("Content-Language", "en"))
    text = notice(report).encode("utf-8", "replace")
    return _limited(target, via, headers, _plain_type(trunk), text, trunk, settings)


def _write_notification(item: Item, told: Notification, trunk: TrunkSettings, settings: SipSettings,
                        via: Via) -> Request | Failure:
    """The IMDN for a sender who had asked (RCPT-5)."""
    sender = _from(told.origin, "", item, settings)
    target = target_uri(item, settings)
    headers = _common_headers(70, sender, target, _made_call_id(item.id, settings), 1, trunk)
    body = notification_body(item, told, sender.uri, target)
    routes = routes_of(told.hints)
    if routes and trunk.next_hop is not None:
        # RCPT-6.  Only by a next hop of our own: a stranger's word sends nothing to anywhere.
        target = parse_uri(routes[0])
    return _limited(target, via, headers, cpim.TYPE, body, trunk, settings)


def _write_composing(item: Item, told: Composing, trunk: TrunkSettings, settings: SipSettings,
                     via: Via, habits: Habits) -> Request | Failure:
    """That somebody types, or has stopped (COMP-1)."""
    sender = _from(told.origin.address, told.origin.name, item, settings)
    target = target_uri(item, settings)
    call_id = _call_id(told.conversation, told.target, item, settings, habits)
    headers = _common_headers(70, sender, target, call_id, 1, trunk)
    return _limited(target, via, headers, composing.TYPE, composing_body(told), trunk, settings)


def _common_headers(hops: int, sender: NameAddr, target: Uri, call_id: str, cseq: int,
                    trunk: TrunkSettings) -> list[tuple[str, str]]:
    # No Contact: MSG-2.
    headers = [
        ("Max-Forwards", str(max(0, min(hops, 255)))),               # LOOP-1
        ("From", str(sender)),
        ("To", f"<{target}>"),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} MESSAGE"),
    ]
    if trunk.trusted_identity:
        headers.append(asserted_identity(sender.uri))                # SIP-64
    if trunk.loose_route:
        headers += [("Route", route) for route in outbound_route(trunk)]
    return headers


def asserted_identity(uri: Uri) -> tuple[str, str]:
    """The header line by which we vouch for a sender: who he is, not which device of his (RFC 3325 9.1)."""
    params = tuple(pair for pair in uri.params if pair[0].lower() != "gr")
    return "P-Asserted-Identity", f"<{evolve(uri, params=params)}>"


def _add_optional(headers: list[tuple[str, str]], item: Item, message: Message, body: Body | None) -> None:
    if message.subject:
        headers.append(("Subject", one_line(message.subject)))       # MSG-15
    language = (body.language if body is not None else "") or message.language
    if is_language(language):
        headers.append(("Content-Language", language))               # MSG-16
    priority = "non-urgent" if message.kind is Kind.HEADLINE else _PRIORITY.get(message.urgency)
    if priority:
        headers.append(("Priority", priority))                       # MSG-7, MSG-43
    sent_at = message.sent_at
    if sent_at is None and message.expires_at is not None:
        sent_at = item.created                                       # MSG-40: Expires with Date
    date = None if sent_at is None else write_date(sent_at)
    if date is None:
        return
    headers.append(("Date", date))                                   # MSG-20
    if message.expires_at is not None and sent_at is not None:
        seconds = math.ceil(message.expires_at - math.floor(sent_at))
        headers.append(("Expires", str(max(0, min(seconds, 2**32 - 1)))))


def _from(address: Address, name: str, item: Item, settings: SipSettings) -> NameAddr:
    uri = uri_of_address(address, phone_hosts=_phone_hosts(address, settings))
    return NameAddr(one_line(name), uri, (("tag", token("tag", item.id)),))   # MSG-1, MSG-4: our own tag


def _call_id(conversation: str, recipient: Address, item: Item, settings: SipSettings, habits: Habits) -> str:
    """MSG-3: the conversation, when it can stand there as it is, which may be a Call-ID of the recipient's own."""
    if conversation and _is_call_id(conversation) and habits.of(recipient).takes_its_call_ids:
        return conversation
    return _made_call_id(conversation or item.id, settings)


def _made_call_id(seed: str, settings: SipSettings) -> str:
    return f"{token('call', seed)}@{settings.host or 'gateway.invalid'}"


def _chosen_body(message: Message) -> Body | None:
    """MSG-10."""
    bodies = [body for body in message.bodies if body.type == "text/plain"]
    for wanted in (message.language, ""):
        for body in bodies:
            if body.language == wanted:
                return body
    return bodies[0] if bodies else None


def _phone_hosts(address: Address, settings: SipSettings) -> Container[str]:
    """The hosts behind which the address may be a phone."""
    if address.user[:1] not in _DIALLED:
        return ()
    return [alias.domain for alias in settings.aliases if alias.bridges == "tel"]


def _plain_type(trunk: TrunkSettings) -> str:
    return "text/plain;charset=utf-8" if trunk.charset_parameter else "text/plain"   # MSG-9


def _mark(target: Uri, lines: Iterable[tuple[str, str]]) -> str:
    """See :mod:`iwf.sip.transaction.loops`; of header lines as we write them."""
    values = dict(lines)
    tag = values["From"].rpartition(";tag=")[2]
    return mark_of(str(target), tag, "", values["Call-ID"], int(values["CSeq"].partition(" ")[0]))


def _limited(target: Uri, via: Via, headers: list[tuple[str, str]], content_type: str, content: bytes,
             trunk: TrunkSettings, settings: SipSettings) -> Request | Failure:
    """The request, unless it is larger than may be sent to that trunk."""
    lines = (*headers, ("Content-Type", content_type)) if content else tuple(headers)
    if via.branch.endswith(OPEN):
        via = closed(via, _mark(target, lines))                      # LOOP-3
    request = Request.composed("MESSAGE", target, via, lines, content)
    # MSG-28: large ones over a stream, where the operator knows that the rest of the way bears it.
    streams = trunk.next_hop is not None and trunk.next_hop.transport in ("tcp", "tls")
    limit = settings.max_message if trunk.trusted_large and streams else PAGE_LIMIT
    size = len(request.to_bytes())
    if size > limit:
        return Failure(Reason.TOO_BIG, text=f"the message takes {size} octets as a SIP request, the limit is {limit}")
    return request
