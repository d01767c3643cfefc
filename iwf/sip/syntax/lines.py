"""The lines of a message: start line, header names, folding, Content-Length (RFC 3261 section 7).

What the message reader and the stream framer have to see alike.  Readers of parts that an answer
may still be made from return their error beside what they could read (SIP-12).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from iwf.sip.syntax.grammar import TOKEN, SipSyntaxError, is_token, malformed

#: Real requests have 10 to 30 lines; 200 leaves room for long routes and stops floods of lines (SIP-14).
MAX_HEADERS = 200
#: Octets of a header line after unfolding; common servers take 4 to 16 KiB (SIP-14).
MAX_LINE = 8192

_KNOWN = (
    "Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow",
    "Allow-Events", "Authentication-Info", "Authorization", "Call-ID", "Call-Info", "Contact",
    "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Type",
    "CSeq", "Date", "Error-Info", "Event", "Expires", "Flow-Timer", "From", "History-Info",
    "Identity", "In-Reply-To", "Max-Forwards", "MIME-Version", "Min-Expires", "Organization",
    "P-Access-Network-Info", "P-Asserted-Identity", "P-Preferred-Identity", "Path", "Priority",
    "Privacy", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "RAck", "Reason",
    "Record-Route", "Refer-To", "Referred-By", "Reject-Contact", "Replaces", "Reply-To",
    "Request-Disposition", "Require", "Retry-After", "Route", "RSeq", "Server", "Service-Route",
    "Session-Expires", "SIP-ETag", "SIP-If-Match", "Subject", "Subscription-State", "Supported",
    "Timestamp", "To", "Unsupported", "User-Agent", "Via", "Warning", "WWW-Authenticate",
)
_COMPACT = {  # SIP-2
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
    "e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
    "l": "Content-Length", "m": "Contact", "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To",
    "u": "Allow-Events", "v": "Via", "x": "Session-Expires",
}
_LONG_NAMES = {name.lower(): name for name in _KNOWN} | _COMPACT
_USUAL_NAMES = frozenset(_KNOWN)
# By the spellings that come often as well, so that most lines need one look-up.
_NAMES = _LONG_NAMES | {name: name for name in _KNOWN}

_digits = re.compile(r"[0-9]{1,20}").fullmatch
_folds = re.compile(r"\n[ \t]+")
# RFC 3261 25.1 allows NUL in one place, a quoted pair; RFC 4475 3.1.1.2 uses it.
has_bare_nul = re.compile(r"(?<!\\)\x00").search

_status_line = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: ([^\r\0]*))?", re.IGNORECASE).fullmatch
_is_version = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE).fullmatch
_TARGET = r'[^\s<>"\x00-\x1f\x7f]+'
#: Whether a text can stand as Request-URI.
is_target = re.compile(_TARGET).fullmatch
_request_line = re.compile(rf"({TOKEN}) ({_TARGET}) SIP/2\.0").fullmatch

Lines = tuple[tuple[str, str], ...]


class Headers:
    """Header lines that are found by their names."""

    __slots__ = ("_all_differ", "_first_values", "headers")

    headers: Lines
    """Lines as (long name in its usual spelling, value); the Via lines come first (SIP-5)."""
    _first_values: dict[str, str] | None
    """By name as written; None until it is needed."""
    _all_differ: bool
    """Whether there are as many names as lines; set with the first values."""

    def _look_through(self) -> dict[str, str]:
        first = self._first_values = dict(reversed(self.headers))
        self._all_differ = len(first) == len(self.headers)
        return first

    def get(self, name: str) -> str | None:
        """The value of the first line of that name, in any spelling; None when there is none."""
        if name in _USUAL_NAMES:
            return (self._first_values or self._look_through()).get(name)
        values = self.all(name)
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """The values of all lines of that name, in any spelling, in order."""
        usual = _NAMES.get(name) or _LONG_NAMES.get(name.lower())
        if usual is not None:
            return [value for written, value in self.headers if written == usual]
        folded = name.lower()
        return [value for written, value in self.headers if written.lower() == folded]

    def repeated(self, names: Iterable[str]) -> str:
        """The first of these names that several lines have; empty when none has.

        :param names: of headers that are known here, in their usual spelling.
        """
        if self._first_values is None:
            self._look_through()
        if self._all_differ:
            return ""
        return next((name for name in names if len(self.all(name)) > 1), "")


def long_name(name: str) -> str | None:
    """The long name in its usual spelling, or any other token as it is; None when it is no header name."""
    known = _NAMES.get(name) or _LONG_NAMES.get(name.lower())
    return known or (name if is_token(name) else None)


def is_writable(value: str) -> bool:
    """Whether a value can stand in one header line."""
    return "\r" not in value and "\n" not in value and ("\0" not in value or not has_bare_nul(value))


def normalised(headers: Iterable[tuple[str, str]]) -> Lines:
    """Lines to send: names in long form, Via first (SIP-5), without Content-Length.

    :raises SipSyntaxError: for what is no header name.
    """
    vias: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for name, value in headers:
        key = long_name(name)
        if key is None:
            raise malformed("Header Name")
        if key == "Via":
            vias.append((key, value.strip(" \t")))
        elif key != "Content-Length":
            others.append((key, value.strip(" \t")))
    return (*vias, *others)


def read_lines(text: str) -> tuple[Lines, list[str], SipSyntaxError | None]:
    """Read header lines; a broken one does not hide the others, so that an answer can be made (SIP-12).

    :param text: all after the start line, with LF as line end.
    :return: the lines with Via first, the values of Content-Length, and the first error.
    """
    error: SipSyntaxError | None = None
    if "\n " in text or "\n\t" in text:
        text = _folds.sub(" ", text)  # SIP-3
    lines = text.split("\n") if text else []
    if len(lines) > MAX_HEADERS:
        error = SipSyntaxError(513, "Too Many Headers")
        lines = lines[:MAX_HEADERS]
    elif len(text) > MAX_LINE and max(map(len, lines)) > MAX_LINE:
        error = SipSyntaxError(513, "Header Line Too Long")
    elif "\r" in text or ("\0" in text and has_bare_nul(text)):
        error = malformed("Header Line")  # whatever was read can be written again
    vias: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    lengths: list[str] = []
    for line in lines:
        name, colon, value = line.partition(":")
        key = _NAMES.get(name) or long_name(name.rstrip(" \t"))
        if key is None or not colon:
            error = error or malformed("Header Line")
            continue
        value = value.strip(" \t")
        if key == "Via":
            vias.append((key, value))
        elif key == "Content-Length":
            lengths.append(value)
        else:
            others.append((key, value))
    return (*vias, *others), lengths, error


def read_number(value: str | None, limit: int) -> int | None:
    """The number in a header; None when it is absent, unreadable or above the limit (SIP-8)."""
    if value is None or not _digits(value) or int(value) > limit:
        return None
    return int(value)


def find_head_end(octets: bytes | bytearray, start: int) -> tuple[int, int]:
    """Where the empty line is that ends the headers; line ends are CRLF or LF (SIP-3).

    :return: the end of the last header line and the start of the body; (-1, -1) when there is none.
    """
    blank = octets.find(b"\n\r\n", start)
    bare = octets.find(b"\n\n", start, blank + 1 if blank >= 0 else len(octets))
    at, size = (bare, 2) if bare >= 0 else (blank, 3)
    if at < 0:
        return -1, -1
    return (at - 1 if at > start and octets[at - 1] == 0x0D else at), at + size


def content_length(values: Iterable[str]) -> int | None:
    """The number that all Content-Length values agree on; None when there are none (SIP-8).

    :raises SipSyntaxError: 400.
    """
    length = None
    for value in values:
        if not (value.isascii() and value.isdigit() and len(value) <= 20):
            raise malformed("Content-Length")
        number = int(value)
        if length not in (None, number):
            raise SipSyntaxError(400, "Conflicting Content-Length")
        length = number
    return length


def cut_body(rest: bytes, lengths: list[str], datagram: bool) -> tuple[bytes, SipSyntaxError | None]:
    """The body in all that follows the headers (SIP-10).

    :param lengths: the values of Content-Length.
    """
    try:
        length = content_length(lengths)
    except SipSyntaxError as error:
        return b"", error
    if length is None:
        return rest, None if datagram else SipSyntaxError(400, "Missing Content-Length")
    if length > len(rest):
        return rest, SipSyntaxError(400, "Content-Length Beyond Body")
    return rest[:length], None


def read_request_line(line: str) -> tuple[str, str, SipSyntaxError | None]:
    """The method, the Request-URI and what is wrong with the line (SIP-1, SIP-13)."""
    match = _request_line(line) if len(line) <= MAX_LINE else None
    if match is not None:
        return match[1], match[2], None
    return strict_request_line(line)


def strict_request_line(line: str) -> tuple[str, str, SipSyntaxError | None]:
    """What :func:`read_request_line` does with a line that is wrong or unusual; it knows the usual ones as well."""
    parts = line.split(" ", 3)
    method = parts[0]
    if len(line) > MAX_LINE:
        return method, "", SipSyntaxError(414, "Request-URI Too Long")  # SIP-14
    if len(parts) != 3 or not is_token(method) or not _is_version(parts[2]):
        return method, "", malformed("Request-Line")  # SIP-13: LWS in the Request-URI or around it
    if parts[2].upper() != "SIP/2.0":
        return method, "", SipSyntaxError(505, "Version Not Supported")
    if not is_target(parts[1]):
        return method, "", malformed("Request-URI")  # SIP-13: <> round it
    return method, parts[1], None


def read_status_line(line: str) -> tuple[int, str]:
    """The status and the reason phrase; the phrase may be empty and its space missing (SIP-1).

    :raises SipSyntaxError: for another version or a status outside 100 to 699 as well (SIP-12).
    """
    match = _status_line(line)
    if match is None:
        raise malformed("Status-Line")
    return int(match[1]), match[2] or ""
