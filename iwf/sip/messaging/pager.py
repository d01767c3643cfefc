"""MESSAGE requests to neutral events: page mode (RFC 3428, RFC 7572).  Pure.

:mod:`iwf.sip.messaging.author` writes them.
"""

from __future__ import annotations

from collections.abc import Container
from hashlib import blake2b

from attrs import evolve

from iwf.edge import Offered
from iwf.mapping.composing import DEFAULT_REFRESH
from iwf.mapping.model import NOTHING, Address, Body, Composing, Kind, Message, Party
from iwf.mapping.xhtml import clean
from iwf.sip.address import NoImage, address_of_uri, without_own_port
from iwf.sip.messaging.content import Content, illegal, read_content
from iwf.sip.messaging.markup import MARKUP
from iwf.sip.messaging.signals import has_id, hints_of, receipt_of
from iwf.sip.reasons import Status, one_line
from iwf.sip.settings import TrunkSettings
from iwf.sip.syntax.dates import read_date
from iwf.sip.syntax.grammar import SipSyntaxError, is_token, readable
from iwf.sip.syntax.headers import COOKIE, NameAddr, is_language
from iwf.sip.syntax.message import Request
from iwf.sip.syntax.phrases import PHRASES

#: MSG-43.
_URGENCY = {"emergency": 2, "urgent": 1, "normal": 0, "non-urgent": -1}

#: For ``iwf explain``.
RULES = ("MSG-1", "MSG-2", "MSG-4", "MSG-8", "MSG-9", "MSG-12", "LOOP-1", "SIP-26")


def read_message(request: Request, target: Address, trunk: TrunkSettings, hosts: Container[str],
                 now: float) -> Offered | Status:
    """Read a MESSAGE whose Request-URI, trunk and required extensions have been checked.

    :param target: the user that the Request-URI names (MSG-2).
    :param hosts: our own host names.
    :param now: UTC seconds, for Expires without a Date.
    :return: a message, a typing state or a receipt for the core, or the answer that ends the matter: a
        refusal, or 2xx for what is taken but says nothing.
    :raises SipSyntaxError: for headers that cannot be read.
    """
    hops = request.max_forwards
    if hops == 0:
        return Status(483, "Too Many Hops")                          # LOOP-1
    origin = origin_of(request, trunk, hosts)
    if isinstance(origin, Status):
        return origin
    content = read_content(request)
    if isinstance(content, Status):
        return content
    if content.composing is not None or content.notification is not None:
        return _signal(content, request, origin, target, trunk)
    text = content.text
    subject = _plain(request.get("Subject") or "") or content.subject   # MSG-15
    if not text and not subject:
        return Status(202, "Accepted")                               # MSG-11
    sent_at, expires_at = _times(request, content, now)
    if expires_at is not None and expires_at <= now:
        return Status(202, "Accepted")                               # MSG-40: never an error
    language = _language(request.get("Content-Language") or content.language)
    hints = () if content.wrapper is None or not content.wants else hints_of(content.wrapper)
    message = Message(
        id=_id(request, trunk),
        origin=origin,
        target=target,
        bodies=_bodies(text, content.markup, language, trunk),
        kind=Kind.NORMAL,                                            # MSG-8
        conversation=_plain(request.call_id),
        subject=subject,
        language=language,
        sent_at=sent_at,
        expires_at=expires_at,
        urgency=_URGENCY.get((request.get("Priority") or "").strip().lower(), 0),
        hops=hops - 1,                                               # LOOP-1
        key=_key(request, trunk),
        lane=trunk.lane,
        hold=trunk.hold,
        hints=hints,
        wants=content.wants if has_id(hints) else NOTHING,           # RCPT-5
    )
    return Offered(message, RULES)


def _times(request: Request, content: Content, now: float) -> tuple[float | None, float | None]:
    """When a message was written, and when it is worth nothing any more."""
    sent_at = read_date(request.get("Date") or "")                   # MSG-20
    if sent_at is None:
        sent_at = content.sent_at
    if request.expires is None:
        return sent_at, None
    return sent_at, (now if sent_at is None else sent_at) + request.expires   # MSG-40


def _bodies(text: str, markup: str, language: str, trunk: TrunkSettings) -> tuple[Body, ...]:
    """The text, and what it looks like where the trunk's markup is wanted and there is more to it (MSG-22)."""
    if not text:
        return ()
    rich = clean(markup) if markup and trunk.html != "never" else ""
    return (Body(text, language), Body(rich, language, MARKUP)) if rich else (Body(text, language),)


def _signal(content: Content, request: Request, origin: Party, target: Address,
            trunk: TrunkSettings) -> Offered | Status:
    """What comes in MESSAGE and is no message: typing, or news of a message of ours."""
    typing = content.composing
    if typing is not None:
        refresh = DEFAULT_REFRESH if typing.refresh is None else typing.refresh
        state = Composing(origin, target, typing.active, float(refresh), _plain(request.call_id), trunk.lane)
        return Offered(state, ("COMP-2",))
    assert content.notification is not None
    receipt = receipt_of(content.notification, origin.address, trunk.lane)
    if receipt is None:
        return Status(trunk.accept_code, PHRASES[trunk.accept_code], rules=("RCPT-3",))
    return Offered(receipt, ("RCPT-3", "RCPT-4"))


def origin_of(request: Request, trunk: TrunkSettings, hosts: Container[str]) -> Party | Status:
    """Who sends, by From or by what a trusted trunk asserts (MSG-1); or the answer to who does not say."""
    sender = request.from_
    if _is_anonymous(sender):
        asserted = request.addresses("P-Asserted-Identity") if trunk.trusted_identity else ()   # SIP-64
        if not asserted:
            return Status(403, "Anonymous Senders Are Not Taken")
        sender = asserted[0]
    try:
        address, instance = address_of_uri(sender.uri), sender.instance()
    except (NoImage, SipSyntaxError):
        return Status(403, "Sender Has No Address Here")             # addressing.md section 9
    if instance != address.instance:
        address = evolve(address, instance=instance)                 # ADDR-31: gr outside the brackets
    # The spelling goes into rows, which hold text; the plain one needs no memory, and one with octets
    # that are no text has none.
    spelling = str(sender.uri)
    remembered = spelling != address.key and spelling == readable(spelling)
    return Party(
        without_own_port(address, hosts),
        one_line(_plain(sender.name)),
        asserted_by=trunk.lane,
        spelling=spelling if remembered else "",
    )


def _plain(header: str) -> str:
    """Header text as people and XML may see it."""
    if header.isprintable():
        return header
    return illegal.sub("\N{REPLACEMENT CHARACTER}", readable(header))


def _is_anonymous(sender: NameAddr) -> bool:
    """RFC 3323 4.1.1.3."""
    uri = sender.uri
    return uri.host == "anonymous.invalid" or (uri.user or "").lower() == "anonymous"


def _id(request: Request, trunk: TrunkSettings) -> str:
    if trunk.profile == "draft":
        return str(request.cseq.number)                              # MSG-6
    branch = request.top_via.branch
    # MSG-5: without the cookie, or with nothing behind it, the branch is not unique.
    return branch if branch.startswith(COOKIE) and branch != COOKIE and is_token(branch) else ""


def _key(request: Request, trunk: TrunkSettings) -> str:
    """SIP-26: equal for the same message sent again in another transaction."""
    head = f"{trunk.name}\0{request.call_id}\0{request.cseq.number}\0{request.from_.tag}\0"
    return blake2b(head.encode("utf-8", "surrogateescape") + request.body, digest_size=16).hexdigest()


def _language(tags: str) -> str:
    first = tags.partition(",")[0].strip()
    return first if is_language(first) else ""                      # MSG-16
