"""Lexical elements of SIP (RFC 3261 section 25): tokens, quoted strings, escapes, lists, parameters.

Header text is handled as ``str``, decoded as UTF-8 with ``surrogateescape``, so that any octets
survive from input to output.  Text for people's eyes goes through :func:`readable` first.

Every pattern here runs in time linear in its input: repetitions never overlap.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote as _percent_quote
from urllib.parse import unquote_to_bytes as _percent_unquote

if TYPE_CHECKING:
    from iwf.sip.syntax.message import Request

#: Parameters as written, in order; the value is None where there is no ``=``.
Params = tuple[tuple[str, str | None], ...]

_MARK = "-_.!~*'()"
#: Unescaped in a user part, besides letters and digits (ADDR-4, RFC 3261 user-unreserved).
USER_ALLOWED = _MARK + "&=+$,;?/"
#: Unescaped in the value of a URI parameter, besides letters and digits (ADDR-5, param-unreserved).
PARAM_ALLOWED = _MARK + "[]/:&+$"
#: Escapes of these are formally distinct from the characters themselves (ADDR-6, RFC 3261 reserved).
RESERVED = ";/?:@&=+$,"

TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
#: Parameters in the spelling that nearly all peers use; :func:`plain_params` reads what it matches.
PLAIN_PARAMS = r"(?:;[A-Za-z0-9\-.]+(?:=[A-Za-z0-9\-._~+*]+)?)*+"
QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*"'

_is_token = re.compile(TOKEN).fullmatch
_is_plain_quoted = re.compile(r'"[^"\\]*"').fullmatch
_bad_escape = re.compile(r"%(?![0-9A-Fa-f]{2})").search
_quoted_pair = re.compile(r"\\(.)", re.DOTALL)
_surrogates = re.compile("[\ud800-\udfff]+")
_element = re.compile(rf'(?:[^",<]|{QUOTED}|<[^>]*>)*+', re.DOTALL).match
# A value ends at the next separator; a quoted one is taken whole.  Beyond RFC 3261's gen-value
# (token, host, quoted string) any visible text is taken, as IPv6 in ``received`` needs (SIP-13).
_parameter = re.compile(
    rf'[ \t]*;[ \t]*({TOKEN})[ \t]*(?:=[ \t]*({QUOTED}|[^\s";,<>\x00-\x1f\x7f]+)[ \t]*)?', re.DOTALL
).match


class SipSyntaxError(ValueError):
    """The only error of the SIP syntax modules, whatever octets come in."""

    def __init__(self, status: int, reason: str, request: Request | None = None) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        """The status code of the answer: 400, 404, 413, 414, 416, 505 or 513."""
        self.reason = reason
        """The reason phrase of the answer; names the header at fault (SIP-12)."""
        self.request = request
        """What could be read of the request, for ``response_to``; None when no answer is possible
        or allowed (a response, an ACK, no usable Via): drop."""


def malformed(header: str) -> SipSyntaxError:
    """The error for a header that cannot be read (SIP-12)."""
    return SipSyntaxError(400, f"Malformed {header}")


def is_token(text: str) -> bool:
    """Whether the text is an RFC 3261 token."""
    return _is_token(text) is not None


def escape(text: str, allowed: str) -> str:
    """Percent-encode the UTF-8 octets of all but letters, digits, ``-_.~`` and ``allowed``, in upper-case hex.

    :param allowed: :data:`USER_ALLOWED` or :data:`PARAM_ALLOWED`.
    :raises SipSyntaxError: 400, when the text cannot be encoded (a lone surrogate).
    """
    try:
        return _percent_quote(text, safe=allowed)
    except UnicodeEncodeError:
        raise SipSyntaxError(400, "Text Not Encodable") from None


def check_escapes(text: str, header: str) -> None:
    """Refuse a ``%`` that two hex digits do not follow.

    :raises SipSyntaxError: 400, naming ``header``.
    """
    if "%" in text and _bad_escape(text):
        raise malformed(header)


def unescape(text: str) -> bytes:
    """The octets that percent-encoded text stands for; characters beyond ASCII give their UTF-8 octets.

    :raises SipSyntaxError: 400, for a ``%`` that two hex digits do not follow.
    """
    check_escapes(text, "Escape")
    return _percent_unquote(encoded(text))


def unescape_text(text: str) -> str:
    """Like :func:`unescape`, read as UTF-8.

    :raises SipSyntaxError: 400 for a bad escape, 404 when the octets are no UTF-8 (ADDR-16).
    """
    if "%" not in text and text.isascii():
        return text
    try:
        return unescape(text).decode()
    except UnicodeDecodeError:
        raise SipSyntaxError(404, "Address Not UTF-8") from None


def encoded(text: str) -> bytes:
    """Header text as octets, restoring octets that were no UTF-8.

    :raises SipSyntaxError: 400, when the text holds a surrogate that stands for no octet.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise SipSyntaxError(400, "Text Not Encodable") from None


def readable(text: str) -> str:
    """Header text with U+FFFD in place of octets that were no UTF-8."""
    return text if text.isascii() else _surrogates.sub("\N{REPLACEMENT CHARACTER}", text)


def quote(text: str) -> str:
    """A quoted string; ``\\`` and ``"`` are escaped (SIP-6)."""
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def unquote(text: str) -> str:
    """The content of a quoted string; any other text is returned as it is."""
    if text[:1] != '"':
        return text
    if _is_plain_quoted(text):
        return text[1:-1]
    return _quoted_pair.sub(r"\1", text[1:-1])


def split_list(value: str, header: str = "List") -> list[str]:
    """The elements of a comma-separated header value (SIP-4); commas in quotes and ``<>`` are text.

    :raises SipSyntaxError: 400, for an empty element (SIP-13: extra separators), an unterminated
        quote or an unterminated bracket.
    """
    if "," not in value:
        elements = [value.strip(" \t")]
    else:
        elements, position = [], 0
        while True:
            match = _element(value, position)
            assert match is not None  # the pattern matches the empty text
            elements.append(match[0].strip(" \t"))
            position = match.end()
            if position == len(value):
                break
            if value[position] != ",":
                raise malformed(header)
            position += 1
    if not all(elements):
        raise malformed(header)
    return elements


def parse_params(text: str, header: str) -> Params:
    """Header parameters, from the first ``;`` to the end of the text; values raw, quotes kept.

    :raises SipSyntaxError: 400, for anything else than ``;name`` or ``;name=value``.
    """
    params, end = leading_params(text)
    if text[end:].strip(" \t"):
        raise malformed(header)
    return params


def leading_params(text: str) -> tuple[Params, int]:
    """The header parameters before the first fault, and where they end."""
    params: list[tuple[str, str | None]] = []
    position = 0
    while (match := _parameter(text, position)) is not None:
        params.append((match[1], match[2]))
        position = match.end()
    return tuple(params), position


def plain_params(text: str) -> Params:
    """What :func:`parse_params` gives for a text that :data:`PLAIN_PARAMS` matches, in less time."""
    pairs = [part.partition("=") for part in text.split(";")[1:]]
    return tuple([(name, value if equals else None) for name, equals, value in pairs])


def param_value(params: Params, name: str) -> str | None:
    """Like :func:`find_param`, without quotes."""
    for key, value in params:
        if key == name or key.lower() == name:
            return unquote(value) if value else ""
    return None


def find_param(params: Params, name: str) -> str | None:
    """The raw value of the first parameter of that lower-case name; empty when it has no value, None when absent."""
    for key, value in params:
        if key == name or key.lower() == name:
            return "" if value is None else value
    return None


def set_param(params: Params, name: str, value: str | None) -> Params:
    """The parameters with one replaced in place, or added at the end."""
    names = [key.lower() for key, _ in params]
    if name not in names:
        return (*params, (name, value))
    at = names.index(name)
    return (*params[:at], (name, value), *[pair for pair in params[at + 1:] if pair[0].lower() != name])


def params_text(params: Params) -> str:
    """Parameters as written on the wire, each with its ``;``."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params])
