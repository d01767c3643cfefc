"""SIP messages: octets to values and back (RFC 3261 section 7; SIP-1 to SIP-14, SIP-32).

A message is immutable.  Its header lines are kept as text, in order; structured values are read
when first asked for, and kept.  Content-Length is not among the headers: it is checked when a
message is read and computed from the octets of the body when it is written (MSG-14).

Header text is UTF-8 decoded with ``surrogateescape``: octets that are no UTF-8 survive, and
:func:`iwf.sip.syntax.grammar.readable` makes the text fit for people.
"""

from __future__ import annotations

from collections.abc import Iterable

from iwf.sip.syntax.grammar import SipSyntaxError, encoded, is_token, malformed, split_list
from iwf.sip.syntax.headers import (
    ContentType,
    CSeq,
    NameAddr,
    Via,
    parse_content_type,
    parse_cseq,
    parse_name_addr,
    parse_name_addrs,
    parse_via,
    parse_vias,
    start_of_via,
)
from iwf.sip.syntax.lines import (
    Headers,
    Lines,
    cut_body,
    find_head_end,
    has_bare_nul,
    is_target,
    is_writable,
    normalised,
    read_lines,
    read_number,
    read_request_line,
    read_status_line,
)
from iwf.sip.syntax.phrases import PHRASES
from iwf.sip.syntax.uri import Uri, parse_uri

#: What an absent or unreadable Max-Forwards stands for (SIP-8, SIP-11).
DEFAULT_MAX_FORWARDS = 70


class Message(Headers):
    """What requests and responses have in common; not made by itself."""

    __slots__ = ("_call_id", "_cseq", "_from", "_octets", "_to", "_top_via", "body")

    body: bytes
    _top_via: Via | None
    _from: NameAddr | None
    _to: NameAddr | None
    _cseq: CSeq | None
    _call_id: str | None
    _octets: bytes | None

    def _fill(self, headers: Lines, body: bytes) -> None:
        self.headers = headers
        self.body = body
        self._first_values = self._octets = None
        self._top_via = self._from = self._to = self._cseq = self._call_id = None

    def _start_line(self) -> str:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return (
            self._start_line() == other._start_line() and self.headers == other.headers and self.body == other.body
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._start_line()!r} {self.headers!r} {self.body!r}>"

    def listed(self, name: str) -> list[str]:
        """The elements of a list header over all its lines (SIP-4).

        :raises SipSyntaxError: 400, when a line is no list.
        """
        return [element for value in self.all(name) if value for element in split_list(value, name)]

    def addresses(self, name: str) -> tuple[NameAddr, ...]:
        """The addresses in Contact, Route, P-Asserted-Identity and the like, over all lines.

        :raises SipSyntaxError: 400, naming the header.
        """
        return tuple([a for value in self.all(name) for a in parse_name_addrs(value, name)])

    def single(self, name: str) -> str:
        """The value of a header that there must be once.

        :raises SipSyntaxError: 400.
        """
        value = self.get(name)
        if not value:
            raise SipSyntaxError(400, f"Missing {name}")
        if not self._all_differ and self.repeated((name,)):
            raise SipSyntaxError(400, f"Repeated {name}")  # SIP-9
        return value

    @property
    def top_via(self) -> Via:
        """The first Via.  Like the properties below raises SipSyntaxError when missing or malformed."""
        if self._top_via is None:
            name, value = self.headers[0] if self.headers else ("", "")
            if name != "Via":
                raise SipSyntaxError(400, "Missing Via")
            try:
                self._top_via = parse_via(split_list(value, "Via")[0] if "," in value else value)
            except SipSyntaxError as error:
                error.request = self._repaired(value)
                raise
        return self._top_via

    def _repaired(self, top_via: str) -> Request | None:
        """What an answer can be made from, given a first Via that cannot be read."""
        return None

    @property
    def vias(self) -> tuple[Via, ...]:
        """All hops, the latest first."""
        return tuple([via for value in self.all("Via") for via in parse_vias(value)])

    @property
    def from_(self) -> NameAddr:
        if self._from is None:
            self._from = parse_name_addr(self.single("From"), "From")
        return self._from

    @property
    def to(self) -> NameAddr:
        if self._to is None:
            self._to = parse_name_addr(self.single("To"), "To")
        return self._to

    @property
    def cseq(self) -> CSeq:
        if self._cseq is None:
            self._cseq = parse_cseq(self.single("CSeq"))
        return self._cseq

    @property
    def call_id(self) -> str:
        if self._call_id is None:
            self._call_id = self.single("Call-ID")
        return self._call_id

    @property
    def content_type(self) -> ContentType | None:
        """The media type; None when there is none.

        :raises SipSyntaxError: 400, when it cannot be read.
        """
        value = self.get("Content-Type")
        return None if value is None else parse_content_type(value)

    @property
    def expires(self) -> int | None:
        """Seconds; None, the default, when absent, unreadable or above 2**32-1 (SIP-8)."""
        return read_number(self.get("Expires"), 2**32 - 1)

    def to_bytes(self) -> bytes:
        """The message as sent: Via first, Content-Length always (MSG-14), nothing folded (SIP-3).

        :raises SipSyntaxError: when a part holds CR, LF or a bare NUL (header injection), or text
            that cannot be encoded.
        """
        if self._octets is not None:
            return self._octets
        lines = [self._start_line()]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        head = "\r\n".join(lines)
        # Every CR and LF is accounted for by the joints, so none came in with a value.
        ends = len(lines) + 1
        if head.count("\r") != ends or head.count("\n") != ends or ("\0" in head and has_bare_nul(head)):
            raise SipSyntaxError(400, "Control Character In Header")
        self._octets = encoded(head) + self.body
        return self._octets


class Request(Message):
    """A request.

    :param method: a token; case counts (SIP-1).
    :param uri: the Request-URI.
    :param headers: lines as (name, value); names in any spelling.  A Content-Length is ignored.
    :raises SipSyntaxError: when the method, the URI or the name of a header could not be written.
    """

    __slots__ = ("_uri", "method", "target")

    @classmethod
    def composed(cls, method: str, uri: Uri, via: Via, lines: Lines, body: bytes = b"") -> Request:
        """A request that we wrote ourselves, with less to check than in what others hand in.

        :param via: our hop; becomes the first line.
        :param lines: as in :attr:`headers`: names in their usual spelling, values without blanks around them.
        :raises SipSyntaxError: when the URI could not be written.
        """
        target = str(uri)
        if not is_target(target):
            raise malformed("Request-URI")
        request = _request(method, target, (("Via", str(via)), *lines), body, uri)
        request._top_via = via
        return request

    method: str
    target: str
    """The Request-URI as written."""
    _uri: Uri | None

    def __init__(
        self, method: str, uri: Uri | str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        self._fill(normalised(headers), body)
        self.method = method
        self.target = str(uri)
        self._uri = None if isinstance(uri, str) else uri
        if not is_token(method):
            raise malformed("Method")
        if not is_target(self.target):
            raise malformed("Request-URI")

    def _start_line(self) -> str:
        return f"{self.method} {self.target} SIP/2.0"

    def _repaired(self, top_via: str) -> Request | None:
        # SIP-13: a fault behind the place that answers go to does not keep the sender from his 400.
        try:
            return None if self.method == "ACK" else self._under(start_of_via(top_via)[0], self.headers[1:])
        except SipSyntaxError:
            return None

    def _under(self, via: Via, lines: Lines, more: Iterable[str] = ()) -> Request:
        """The request with that hop on top, and more hops in its line."""
        line = ("Via", ", ".join([str(via), *more]) if more else str(via))
        request = _request(self.method, self.target, (line, *lines), self.body, self._uri)
        request._top_via = via
        return request

    @property
    def uri(self) -> Uri:
        """The Request-URI.  Raises SipSyntaxError when malformed."""
        if self._uri is None:
            self._uri = parse_uri(self.target)
        return self._uri

    @property
    def max_forwards(self) -> int:
        """Hops left; 70 when absent or no number up to 255 (SIP-8, SIP-11)."""
        number = read_number(self.get("Max-Forwards"), 255)
        return DEFAULT_MAX_FORWARDS if number is None else number

    def with_top_via(self, via: Via) -> Request:
        """The request with its first hop replaced, for ``received`` and ``rport`` (SIP-43).

        :raises SipSyntaxError: when the request has no readable Via.
        """
        if not self.headers or self.headers[0][0] != "Via":
            raise SipSyntaxError(400, "Missing Via")
        more = split_list(self.headers[0][1], "Via")[1:] if "," in self.headers[0][1] else ()
        return self._under(via, self.headers[1:], more)


class Response(Message):
    """A response.

    :param status: 100 to 699.
    :param reason: the reason phrase, any text of one line.
    :param headers: as with :class:`Request`.
    :raises SipSyntaxError: when the status or the name of a header could not be written.
    """

    __slots__ = ("reason", "status")

    status: int
    reason: str

    def __init__(
        self, status: int, reason: str = "", headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        self._fill(normalised(headers), body)
        self.status = status
        self.reason = reason
        if not 100 <= status <= 699:
            raise malformed("Status Code")

    def _start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"


def parse_message(octets: bytes, datagram: bool = True) -> Request | Response:
    """Read one message.

    :param octets: a datagram, or one message cut out of a stream; empty lines before it are skipped.
    :param datagram: False for a stream, where Content-Length is required (SIP-10).
    :raises SipSyntaxError: with the answer in it; its ``request`` is what to hand to
        :func:`response_to`, or None when the message is to be dropped (SIP-12).
    """
    start = len(octets) - len(octets.lstrip(b"\r\n"))
    head_end, body_start = find_head_end(octets, start)
    complete = body_start >= 0
    head = octets[start:head_end] if complete else octets[start:].rstrip(b"\r\n")
    text = head.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    start_line, _, rest = text.partition("\n")
    headers, lengths, error = read_lines(rest)
    if not complete:
        error = error or SipSyntaxError(400, "Missing End Of Headers")
    body, length_error = cut_body(octets[body_start:] if complete else b"", lengths, datagram)
    error = error or length_error
    if start_line[:4].upper() == "SIP/":
        if error is not None:
            raise error  # SIP-12: dropped, there is no request in it
        return _response(*read_status_line(start_line), headers, body)
    method, target, line_error = read_request_line(start_line)
    error = line_error or error
    request = _request(method, target, headers, body)
    if error is not None:
        error.request = answerable(request)
        raise error
    return request


def _request(method: str, target: str, headers: Lines, body: bytes, uri: Uri | None = None) -> Request:
    """A request of parts that are known to be writable."""
    request = Request.__new__(Request)
    request._fill(headers, body)
    request.method = method
    request.target = target
    request._uri = uri
    return request


def _response(status: int, reason: str, headers: Lines, body: bytes) -> Response:
    """A response with lines that are known to be writable."""
    response = Response.__new__(Response)
    response._fill(headers, body)
    response.status = status
    response.reason = reason
    return response


def answerable(request: Request) -> Request | None:
    """The request, if it may be answered (no ACK) and an answer can be routed (SIP-11, SIP-12); else None."""
    try:
        return request if request.method != "ACK" and request.top_via else None
    except SipSyntaxError as error:
        return error.request


def response_to(
    request: Request,
    status: int,
    reason: str | None = None,
    to_tag: str = "",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:
    """The answer to a request, also to one that is only half readable (SIP-12, SIP-32).

    :param reason: None: the usual phrase of the status.
    :param to_tag: our tag, put on To unless there is one; never on a 100.
    :param headers: further lines.
    """
    lines: list[tuple[str, str]] = [("Via", value) for value in request.all("Via") if is_writable(value)]
    for name in ("From", "To", "Call-ID", "CSeq"):
        value = request.get(name)
        if value is not None and is_writable(value):
            if name == "To" and to_tag and status != 100:
                value = _tagged(request, value, to_tag)
            lines.append((name, value))
    if status == 100 and (timestamp := request.get("Timestamp")) and is_writable(timestamp):
        lines.append(("Timestamp", timestamp))
    phrase = PHRASES.get(status, "") if reason is None else reason
    if headers:
        return Response(status, phrase, [*lines, *headers], body)
    return _response(status, phrase, tuple(lines), body)


def _tagged(request: Request, value: str, tag: str) -> str:
    try:
        return value if request.to.tag else f"{value};tag={tag}"
    except SipSyntaxError:
        return value
