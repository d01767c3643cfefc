"""Bodies of MESSAGE requests: which content is taken, and what it says (messages.md section 2).  Pure."""

from __future__ import annotations

import re
import zlib
from binascii import Error as BinasciiError
from binascii import a2b_base64, a2b_qp
from collections.abc import Callable

from attrs import define, evolve

from iwf.mapping import composing, cpim, imdn
from iwf.mapping.composing import IsComposing, IsComposingFault
from iwf.mapping.cpim import Cpim, CpimFault
from iwf.mapping.imdn import Imdn, ImdnFault
from iwf.mapping.model import NOTHING, Want, Wants
from iwf.sip.messaging.markup import plain_of_markup
from iwf.sip.reasons import ACCEPT, Status
from iwf.sip.syntax.dates import read_datetime
from iwf.sip.syntax.headers import ContentType, parse_content_type
from iwf.sip.syntax.message import Request

#: Content encodings taken (MSG-21).
ACCEPT_ENCODING = "gzip, deflate, identity"
#: Octets of a body once it is expanded; a kilobyte of zeros could become a gigabyte.
LARGEST = 262_144
#: Bodies inside of bodies.
DEEPEST = 5
MOST_PARTS = 32

# MSG-9: charsets worth converting.  Only these names reach Python's codec registry, which knows
# encodings that are no charsets and remembers every name it was asked for.
_is_charset = re.compile(
    r"us-ascii|utf-(?:8|16|16be|16le|32|32be|32le)|iso-8859-(?:1[013-6]|[1-9])|windows-125[0-8]|koi8-[ru]"
    r"|gb2312|gbk|gb18030|big5|shift_jis|euc-jp|euc-kr|iso-2022-jp|iso-2022-kr|tis-620|macintosh",
    re.IGNORECASE,
).fullmatch
# MSG-12: what XML 1.0 cannot hold.
illegal = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_part_end = re.compile(rb"\r?\n\r?\n").search
_part_lines = re.compile(r"\r?\n(?![ \t])").split

#: Spellings of the usual content type, known without reading them.
_UTF8_TEXT = frozenset({"text/plain", "text/plain;charset=utf-8", "text/plain;charset=UTF-8",
                        "text/plain; charset=utf-8"})
_PLAIN = ContentType("text/plain")
#: How zlib calls the encodings; some mean the bare stream by ``deflate``.
_WINDOWS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
#: Headers of a CPIM message that may be required of its reader (RFC 3862 4.6).
_KNOWN = frozenset({"from", "to", "cc", "datetime", "subject", "ns", "require"})


@define
class Content:
    """What a body says."""

    text: str = ""
    markup: str = ""
    """The same as it came, with its markup; not clean yet."""
    subject: str = ""
    language: str = ""
    sent_at: float | None = None
    wants: Wants = NOTHING
    wrapper: Cpim | None = None
    """The headers around it, if there were any."""
    notification: Imdn | None = None
    composing: IsComposing | None = None


#: MSG-26: nobody's list server.  With Require the same is said before the body is looked at.
_LIST = Status(420, "Bad Extension", (("Unsupported", "recipient-list-message"),), ("MSG-26",))


class _Refused(Exception):
    def __init__(self, status: Status) -> None:
        super().__init__(status.phrase)
        self.status = status


def read_content(request: Request) -> Content | Status:
    """Read the body of a request.

    :return: what it says, or the refusal.
    :raises SipSyntaxError: for a content type that cannot be read.
    """
    if not request.body:
        return Content()
    body = plain_body(request)
    if isinstance(body, Status):
        return body
    if _is_list(request.get("Content-Disposition") or ""):
        return _LIST
    try:
        kind = _PLAIN if request.get("Content-Type") in _UTF8_TEXT else request.content_type or _PLAIN
        return _read(kind, body, DEEPEST)
    except _Refused as refused:
        return refused.status


def plain_body(request: Request) -> bytes | Status:
    """The body of a request without its Content-Encoding, or the refusal (MSG-21)."""
    encoding = request.get("Content-Encoding")
    if not encoding:
        return request.body
    try:
        return _expanded(request.body, encoding.strip().lower())
    except _Refused as refused:
        return refused.status


def _expanded(body: bytes, encoding: str) -> bytes:
    if encoding == "identity":
        return body
    if encoding not in _WINDOWS:
        headers = (("Accept-Encoding", ACCEPT_ENCODING),)
        raise _Refused(Status(415, "Unsupported Content-Encoding", headers, ("MSG-21",)))
    for window in _WINDOWS[encoding]:
        machine = zlib.decompressobj(window)
        try:
            expanded = machine.decompress(body, LARGEST + 1)
        except zlib.error:
            continue
        if len(expanded) > LARGEST:
            raise _Refused(Status(413, "Content Too Large", rules=("MSG-21",)))
        if machine.eof:
            return expanded
    raise _Refused(Status(400, "Content Is Not In Its Encoding", rules=("MSG-21",)))


def _read(kind: ContentType, body: bytes, depth: int) -> Content:
    reader = _READERS.get(kind.type)
    if reader is None or not depth:
        raise _Refused(Status(415, "Unsupported Media Type", (("Accept", ACCEPT),), ("MSG-21",)))
    return reader(kind, body, depth - 1)


def _read_plain(kind: ContentType, body: bytes, depth: int) -> Content:
    return Content(_decoded(kind, body))


def _read_markup(kind: ContentType, body: bytes, depth: int) -> Content:
    markup = _decoded(kind, body)
    return Content(plain_of_markup(markup), markup)                  # MSG-22


def _decoded(kind: ContentType, body: bytes) -> str:
    charset = kind.param("charset") or "utf-8"                       # MSG-9: the default
    if not _is_charset(charset):
        raise _Refused(Status(415, "Unsupported Charset", (("Accept", "text/plain;charset=utf-8"),)))
    try:
        text = body.decode(charset)
    except UnicodeError:
        raise _Refused(Status(400, "Content Is Not In Its Charset", rules=("MSG-12",))) from None
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")        # MSG-12
    return text if text.isprintable() else illegal.sub("\N{REPLACEMENT CHARACTER}", text)


def _read_imdn(kind: ContentType, body: bytes, depth: int) -> Content:
    try:
        return Content(notification=imdn.parse(body))
    except ImdnFault:
        raise _Refused(Status(400, "Notification Cannot Be Read")) from None


def _read_composing(kind: ContentType, body: bytes, depth: int) -> Content:
    try:
        return Content(composing=composing.parse(body))
    except IsComposingFault:
        return Content()                                             # COMP-8: never an error


def _read_cpim(kind: ContentType, body: bytes, depth: int) -> Content:
    try:
        message = cpim.parse(body)
    except CpimFault:
        raise _Refused(Status(400, "CPIM Message Cannot Be Read")) from None
    for header in message.all("Require"):
        for name in header.value.split(","):
            if name.strip().lower() not in _KNOWN:
                raise _Refused(Status(415, "Unsupported CPIM Header", (("Accept", ACCEPT),)))
    inner_kind = message.content_header("Content-Type")
    inner = _read(parse_content_type(inner_kind) if inner_kind else _PLAIN, message.content, depth)
    subject = next(iter(message.all("Subject")), None)
    return evolve(
        inner,
        subject=illegal.sub("\N{REPLACEMENT CHARACTER}", subject.value) if subject else "",   # MSG-15
        language=message.content_header("Content-Language"),
        sent_at=read_datetime(message.get("DateTime")),
        # RCPT-4: a notification does not ask for another one.
        wants=NOTHING if inner.notification is not None else _wants(message),
        wrapper=message,
    )


def _wants(message: Cpim) -> Wants:
    if not message.get("Message-ID", imdn.HEADERS):
        return NOTHING
    asked = {word.partition(";")[0].strip().lower()
             for header in message.all("Disposition-Notification", imdn.HEADERS)
             for word in header.value.split(",")}
    return frozenset(want for want in Want if want.value in asked)


def _read_alternative(kind: ContentType, body: bytes, depth: int) -> Content:
    """The last part that can be read is the best one (RFC 2046 5.1.4)."""
    refused = None
    for part_kind, _, content in reversed(_parts(kind, body)):
        try:
            return _read(part_kind, content, depth)
        except _Refused as fault:
            refused = fault
    raise refused or _Refused(Status(400, "Multipart Without Parts"))


def _is_list(disposition: str) -> bool:
    """RFC 5365 4: recipients, to whom somebody shall send the rest."""
    return disposition.lower().lstrip().startswith("recipient-list")


def _read_mixed(kind: ContentType, body: bytes, depth: int) -> Content:
    """The first part with a text, unless another part must not be lost."""
    found, refused = None, None
    parts = _parts(kind, body)
    if any(_is_list(disposition) for _, disposition, _ in parts):
        raise _Refused(_LIST)
    for part_kind, disposition, content in parts:
        try:
            found = found or _read(part_kind, content, depth)
        except _Refused as fault:
            if "handling=required" in disposition:
                raise
            refused = fault
    if found is None:
        raise refused or _Refused(Status(400, "Multipart Without Parts"))
    return found


def _parts(kind: ContentType, body: bytes) -> list[tuple[ContentType, str, bytes]]:
    """Content type, disposition and content of each part (RFC 2046 5.1.1)."""
    boundary = kind.param("boundary")
    if not boundary:
        raise _Refused(Status(400, "Multipart Without Boundary"))
    delimiter = b"\n--" + boundary.encode("utf-8", "surrogateescape")
    sections = (b"\n" + body).split(delimiter, MOST_PARTS + 1)[1:]
    parts = []
    for section in sections[:MOST_PARTS]:
        if section.startswith(b"--"):
            break
        _, _, section = section.partition(b"\n")
        parts.append(_part(section.removesuffix(b"\r")))
    return parts


def _part(section: bytes) -> tuple[ContentType, str, bytes]:
    if section.startswith((b"\r\n", b"\n")):
        head, content = b"", section.partition(b"\n")[2]
    else:
        end = _part_end(section)
        head, content = (section[:end.start()], section[end.end():]) if end else (section, b"")
    headers = {}
    for line in _part_lines(head.decode("utf-8", "replace")):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    decode = _TRANSFERS.get(headers.get("content-transfer-encoding", "").lower())
    if decode is not None:
        try:
            content = decode(content)
        except (BinasciiError, ValueError):
            raise _Refused(Status(400, "Part Is Not In Its Encoding")) from None
    kind = headers.get("content-type")
    return (parse_content_type(kind) if kind else _PLAIN,
            headers.get("content-disposition", "").lower().replace(" ", ""), content)


_TRANSFERS: dict[str, Callable[[bytes], bytes]] = {"base64": a2b_base64, "quoted-printable": a2b_qp}

_READERS: dict[str, Callable[[ContentType, bytes, int], Content]] = {
    "text/plain": _read_plain,
    "text/html": _read_markup,
    cpim.TYPE: _read_cpim,
    imdn.TYPE: _read_imdn,
    composing.TYPE: _read_composing,
    "multipart/alternative": _read_alternative,
    "multipart/mixed": _read_mixed,
}
