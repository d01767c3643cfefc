"""MESSAGE requests to neutral messages and back: page mode (RFC 3428, RFC 7572).  Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Container
from hashlib import blake2b

from attrs import evolve

from iwf.edge import Offered
from iwf.mapping.model import (
    Address,
    Body,
    Failure,
    Item,
    Kind,
    Message,
    Party,
    Reason,
    Report,
)
from iwf.sip.address import NoImage, address_of_uri, uri_of_address, without_own_port
from iwf.sip.dates import read_date, write_date
from iwf.sip.grammar import SipSyntaxError, is_token, readable
from iwf.sip.headers import NameAddr, Via
from iwf.sip.message import Request
from iwf.sip.notices import notice
from iwf.sip.reasons import ACCEPT, Status, one_line
from iwf.sip.settings import SipSettings, TrunkSettings
from iwf.sip.uri import Uri

#: MSG-27: octets of a whole MESSAGE outside a session.
PAGE_LIMIT = 1300

_COOKIE = "z9hG4bK"
#: MSG-43.
_URGENCY = {"emergency": 2, "urgent": 1, "normal": 0, "non-urgent": -1}
_PRIORITY = {2: "emergency", 1: "urgent", -1: "non-urgent"}

# MSG-9: charsets worth converting.  Only these names reach Python's codec registry, which knows
# encodings that are no charsets and remembers every name it was asked for.
_is_charset = re.compile(
    r"us-ascii|utf-(?:8|16|16be|16le|32|32be|32le)|iso-8859-(?:1[013-6]|[1-9])|windows-125[0-8]|koi8-[ru]"
    r"|gb2312|gbk|gb18030|big5|shift_jis|euc-jp|euc-kr|iso-2022-jp|iso-2022-kr|tis-620|macintosh",
    re.IGNORECASE,
).fullmatch
# MSG-12: what XML 1.0 cannot hold.
_illegal = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_is_language = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*").fullmatch
_WORD = r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]+"
_is_call_id = re.compile(rf"(?=.{{1,255}}\Z){_WORD}(?:@{_WORD})?").fullmatch  # RFC 3261 25.1: callid
_is_number = re.compile(r"[0-9]{1,10}").fullmatch

#: For ``iwf explain``.
RULES = ("MSG-1", "MSG-2", "MSG-4", "MSG-8", "MSG-9", "MSG-12", "LOOP-1", "SIP-26")


# -- SIP to neutral -----------------------------------------------------------------------------


def read_message(request: Request, target: Address, trunk: TrunkSettings, hosts: Container[str],
                 now: float) -> Offered | Status:
    """Read a MESSAGE whose Request-URI, trunk and required extensions have been checked.

    :param target: the user that the Request-URI names (MSG-2).
    :param hosts: our own host names.
    :param now: UTC seconds, for Expires without a Date.
    :return: a message for the core, or the answer that ends the matter: a refusal, or 202 for what
        is taken but says nothing.
    :raises SipSyntaxError: for headers that cannot be read.
    """
    hops = request.max_forwards
    if hops == 0:
        return Status(483, "Too Many Hops")                          # LOOP-1
    origin = _origin(request, trunk, hosts)
    if isinstance(origin, Status):
        return origin
    text = _text(request)
    if isinstance(text, Status):
        return text
    subject = _plain(request.get("Subject") or "")                   # MSG-15
    if not text and not subject:
        return Status(202, "Accepted")                               # MSG-11
    sent_at = read_date(request.get("Date") or "")                   # MSG-20
    expires, expires_at = request.expires, None
    if expires is not None:
        expires_at = (now if sent_at is None else sent_at) + expires # MSG-40
        if expires_at <= now:
            return Status(202, "Accepted")                           # MSG-40: never an error
    language = _language(request)
    message = Message(
        id=_id(request, trunk),
        origin=origin,
        target=target,
        bodies=(Body(text, language),) if text else (),
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
    )
    return Offered(message, RULES)


def _origin(request: Request, trunk: TrunkSettings, hosts: Container[str]) -> Party | Status:
    """MSG-1: who sends, by From or by what a trusted trunk asserts."""
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
    # The spelling goes into rows, which hold text; one with octets that are no text is not remembered.
    spelling = str(sender.uri)
    return Party(
        without_own_port(address, hosts),
        one_line(_plain(sender.name)),
        asserted_by=trunk.lane,
        spelling=spelling if spelling == readable(spelling) else "",
    )


def _plain(header: str) -> str:
    """Header text as people and XML may see it."""
    return _illegal.sub("\N{REPLACEMENT CHARACTER}", readable(header))


def _is_anonymous(sender: NameAddr) -> bool:
    """RFC 3323 4.1.1.3."""
    uri = sender.uri
    return uri.host == "anonymous.invalid" or (uri.user or "").lower() == "anonymous"


def _text(request: Request) -> str | Status:
    """The body as text with LF line ends, or 400 or 415."""
    if not request.body:
        return ""
    encoding = (request.get("Content-Encoding") or "identity").strip().lower()
    if encoding != "identity":
        return Status(415, "Unsupported Content-Encoding", (("Accept-Encoding", "identity"),))   # MSG-21
    content_type = request.content_type
    charset = "utf-8"                                                # MSG-9: the default
    if content_type is not None:
        if content_type.type != "text/plain":
            return Status(415, "Unsupported Media Type", (("Accept", ACCEPT),))   # MSG-21
        charset = content_type.param("charset") or charset
        if not _is_charset(charset):
            return Status(415, "Unsupported Charset", (("Accept", f"{ACCEPT};charset=utf-8"),))
    try:
        text = request.body.decode(charset)
    except UnicodeError:
        return Status(400, "Content Is Not In Its Charset")          # MSG-12
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")        # MSG-12
    return _illegal.sub("\N{REPLACEMENT CHARACTER}", text)


def _id(request: Request, trunk: TrunkSettings) -> str:
    if trunk.profile == "draft":
        return str(request.cseq.number)                              # MSG-6
    branch = request.top_via.branch
    # MSG-5: without the cookie, or with nothing behind it, the branch is not unique.
    return branch if branch.startswith(_COOKIE) and branch != _COOKIE and is_token(branch) else ""


def _key(request: Request, trunk: TrunkSettings) -> str:
    """SIP-26: equal for the same message sent again in another transaction."""
    digest = blake2b(digest_size=16)
    for part in (trunk.name, request.call_id, str(request.cseq.number), request.from_.tag):
        digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
    digest.update(request.body)
    return digest.hexdigest()


def _language(request: Request) -> str:
    first = (request.get("Content-Language") or "").partition(",")[0].strip()
    return first if _is_language(first) else ""                      # MSG-16


# -- neutral to SIP -----------------------------------------------------------------------------


def write_message(item: Item, trunk: TrunkSettings, settings: SipSettings, via: Via) -> Request | Failure:
    """The MESSAGE for an item that holds a :class:`~iwf.mapping.model.Message`.

    Call-ID, From tag and CSeq depend on the item alone, so that a repetition after a crash looks
    like one.

    :param via: our hop, with a fresh branch.
    """
    message = item.payload
    assert isinstance(message, Message)
    try:
        sender = _from(message.origin.address, message.origin.name, item, settings)
        target = target_uri(item, settings)                          # MSG-2: Request-URI = To
    except NoImage as fault:
        return Failure(Reason.MALFORMED_ADDRESS, text=str(fault))
    cseq = 1                                                         # MSG-6a: a fresh From tag
    if trunk.profile == "draft" and _is_number(message.id) and int(message.id) < 2**31:
        cseq = int(message.id)                                       # MSG-6
    headers = _common_headers(via, message.hops, sender, target, _call_id(message.conversation, item, settings), cseq)
    body = _chosen_body(message)
    _add_optional(headers, item, message, body)
    text = body.text if body is not None else ""
    return _limited(target, headers, text, trunk, settings)


def target_uri(item: Item, settings: SipSettings) -> Uri:
    """The Request-URI of an item's MESSAGE.

    :raises NoImage: when its target has none.
    """
    payload = item.payload
    if isinstance(payload, Report):
        return uri_of_address(payload.recipient, payload.recipient_spelling)
    return uri_of_address(payload.target, payload.target_spelling, _phone_hosts(settings))


def write_report(item: Item, trunk: TrunkSettings, settings: SipSettings, via: Via) -> Request | Failure:
    """The notice MESSAGE for an item that holds a :class:`~iwf.mapping.model.Report` (MSG-33).

    It comes from the address that the recipient had written to.
    """
    report = item.payload
    assert isinstance(report, Report)
    try:
        sender = _from(report.origin, "", item, settings)
        target = target_uri(item, settings)
    except NoImage as fault:
        return Failure(Reason.MALFORMED_ADDRESS, text=str(fault))
    headers = _common_headers(via, 70, sender, target, _call_id(report.conversation, item, settings), 1)
    headers.append(("Content-Language", "en"))
    return _limited(target, headers, notice(report), trunk, settings)


def _common_headers(via: Via, hops: int, sender: NameAddr, target: Uri, call_id: str,
                    cseq: int) -> list[tuple[str, str]]:
    # No Contact: MSG-2.
    return [
        ("Via", str(via)),
        ("Max-Forwards", str(max(0, min(hops, 255)))),               # LOOP-1
        ("From", str(sender)),
        ("To", f"<{target}>"),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} MESSAGE"),
    ]


def _add_optional(headers: list[tuple[str, str]], item: Item, message: Message, body: Body | None) -> None:
    if message.subject:
        headers.append(("Subject", one_line(message.subject)))       # MSG-15
    language = (body.language if body is not None else "") or message.language
    if _is_language(language):
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
    uri = uri_of_address(address, phone_hosts=_phone_hosts(settings))
    return NameAddr(one_line(name), uri, (("tag", _token("tag", item.id)),))   # MSG-1, MSG-4: our own tag


def _call_id(conversation: str, item: Item, settings: SipSettings) -> str:
    """MSG-3: the conversation, when it can stand there as it is."""
    if conversation and _is_call_id(conversation):
        return conversation
    return f"{_token('call', conversation or item.id)}@{settings.host or 'gateway.invalid'}"


def _token(purpose: str, seed: str) -> str:
    return blake2b(seed.encode("utf-8", "surrogatepass"), digest_size=10, person=purpose.encode()).hexdigest()


def _chosen_body(message: Message) -> Body | None:
    """MSG-10."""
    bodies = [body for body in message.bodies if body.type == "text/plain"]
    for wanted in (message.language, ""):
        for body in bodies:
            if body.language == wanted:
                return body
    return bodies[0] if bodies else None


def _phone_hosts(settings: SipSettings) -> frozenset[str]:
    return frozenset(alias.domain for alias in settings.aliases if alias.bridges == "tel")


def _limited(target: Uri, headers: list[tuple[str, str]], text: str, trunk: TrunkSettings,
             settings: SipSettings) -> Request | Failure:
    """The request, unless it is larger than may be sent to that trunk."""
    if text:
        charset = ";charset=utf-8" if trunk.charset_parameter else ""
        headers.append(("Content-Type", f"text/plain{charset}"))     # MSG-9
    request = Request("MESSAGE", target, headers, text.encode("utf-8", "replace"))
    # MSG-28: large ones over a stream, where the operator knows that the rest of the way bears it.
    streams = trunk.next_hop is not None and trunk.next_hop.transport != "udp"
    limit = settings.max_message if trunk.trusted_large and streams else PAGE_LIMIT
    size = len(request.to_bytes())
    if size > limit:
        return Failure(Reason.TOO_BIG, text=f"the message takes {size} octets as a SIP request, the limit is {limit}")
    return request
