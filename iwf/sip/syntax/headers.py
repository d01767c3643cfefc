"""Values of structured headers: addresses, Via, CSeq, Content-Type (RFC 3261 sections 20 and 25).

Each value is frozen, written by ``str`` and read by its ``parse_`` function.  Header parameters
keep their raw spelling, quotes included; ``param`` gives the value without quotes.
"""

from __future__ import annotations

import re

from attrs import evolve, frozen

from iwf.sip.syntax.grammar import (
    PLAIN_PARAMS,
    QUOTED,
    TOKEN,
    Params,
    leading_params,
    malformed,
    param_value,
    params_text,
    parse_params,
    plain_params,
    quote,
    set_param,
    split_list,
    unescape_text,
    unquote,
)
from iwf.sip.syntax.uri import (
    MAX_URI,
    PLAIN_HOST_PORT,
    PLAIN_SIP,
    Uri,
    parse_host_port,
    parse_uri,
    plain_sip,
)

__all__ = [
    "COOKIE", "CSeq", "ContentType", "NameAddr", "Params", "Via",
    "check_name_addr", "is_language", "parse_content_type", "parse_cseq", "parse_name_addr", "parse_name_addrs",
    "parse_via", "parse_vias", "start_of_via",
]

#: RFC 3261 8.1.1.7: begins every branch that identifies a transaction.
COOKIE = "z9hG4bK"
#: Whether a text is a language-tag (RFC 3261 25.1).
is_language = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*").fullmatch
#: SIP-8: a larger CSeq number is refused.  RFC 3261 8.1.1.5 allows 2**31-1 at most.
MAX_CSEQ = 2**32 - 1

# Display names without quotes are tokens; peers also send other text, such as names beyond ASCII.
# What could make one value read as two, or as another address, is refused: , ; : @ " < >.
_name_addr = re.compile(
    rf'(?:[ \t]*+({QUOTED})[ \t]*+|([^",;:@<>\x00-\x08\x0a-\x1f\x7f]*+))<([^<>"]*)>', re.DOTALL
).match
# Any version: a request of another one still gets its 505 (SIP-1), which needs the Via.
_via = re.compile(rf"[ \t]*[Ss][Ii][Pp][ \t]*/[ \t]*[0-9.]+[ \t]*/[ \t]*({TOKEN})[ \t]+([^;,\"<>]+)").match
_cseq = re.compile(rf"[ \t]*([0-9]+)[ \t]+({TOKEN})[ \t]*").fullmatch
# The spelling of most peers, read at once; all others are read part by part, with the same result.
_plain_name_addr = re.compile(rf'(?:"([^"\\]*+)" ?)?<{PLAIN_SIP}>({PLAIN_PARAMS})', re.DOTALL).fullmatch
_plain_via = re.compile(rf"SIP/2\.0/(UDP|TCP|TLS) {PLAIN_HOST_PORT}({PLAIN_PARAMS})").fullmatch
_plain_content_type = re.compile(rf"({TOKEN}/{TOKEN})({PLAIN_PARAMS})").fullmatch
_content_type = re.compile(rf"[ \t]*({TOKEN})[ \t]*/[ \t]*({TOKEN})[ \t]*").match


@frozen
class NameAddr:
    """A display name, a URI and header parameters: From, To, Contact, Route and their kin (SIP-6)."""

    name: str
    """The display name without quotes and escapes, empty when there is none."""
    uri: Uri
    params: Params = ()
    """Header parameters, such as ``tag``."""

    def __str__(self) -> str:
        # SIP-6: brackets always, display names always quoted.
        name = f"{quote(self.name)} " if self.name else ""
        return f"{name}<{self.uri}>{params_text(self.params)}"

    def param(self, name: str) -> str | None:
        """A header parameter (lower-case name) without quotes: empty when it has no value, None when absent."""
        return param_value(self.params, name)

    @property
    def tag(self) -> str:
        """The dialog tag, empty when there is none."""
        return param_value(self.params, "tag") or ""

    def with_param(self, name: str, value: str | None) -> NameAddr:
        """With that header parameter (lower-case name) replaced or added."""
        return evolve(self, params=set_param(self.params, name, value))

    def instance(self) -> str:
        """The decoded ``gr``: of the URI, or of the header when the URI has none (ADDR-31).

        :raises SipSyntaxError: 400 or 404, when it cannot be decoded.
        """
        if self.uri.param("gr") is None:
            value = param_value(self.params, "gr")
            if value:
                return unescape_text(value)
        return self.uri.instance()


@frozen
class Via:
    """One hop of a Via header."""

    transport: str
    """Upper case; any token (SIP-40)."""
    host: str
    """Lower case, IPv6 in brackets: the host of ``sent-by``."""
    port: int | None = None
    params: Params = ()

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{params_text(self.params)}"

    def param(self, name: str) -> str | None:
        """A parameter (lower-case name) without quotes: empty when it has no value, None when absent."""
        return param_value(self.params, name)

    @property
    def branch(self) -> str:
        """The transaction identifier, empty when there is none."""
        return param_value(self.params, "branch") or ""

    @property
    def received(self) -> str:
        """The source address as an earlier hop saw it, without brackets (SIP-13); empty when absent."""
        return (param_value(self.params, "received") or "").strip("[]")

    def with_param(self, name: str, value: str | None) -> Via:
        """With that parameter (lower-case name) replaced or added."""
        return evolve(self, params=set_param(self.params, name, value))


@frozen
class CSeq:
    """A sequence number and its method."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@frozen
class ContentType:
    """A media type."""

    type: str
    """``type/subtype``, lower case."""
    params: Params = ()

    def __str__(self) -> str:
        return self.type + params_text(self.params)

    def param(self, name: str) -> str | None:
        """A parameter (lower-case name) without quotes: empty when it has no value, None when absent."""
        return param_value(self.params, name)


def parse_name_addr(value: str, header: str = "Address") -> NameAddr:
    """Read one ``name-addr`` or ``addr-spec`` with header parameters (SIP-6).

    :raises SipSyntaxError: 400, naming ``header``.
    """
    match = _plain_name_addr(value) if len(value) <= MAX_URI else None
    if match is not None:
        name, user, host, port, uri_params, params = match.groups()
        return NameAddr(name or "", plain_sip(user, host, port, uri_params), plain_params(params) if params else ())
    return strict_name_addr(value, header)


def strict_name_addr(value: str, header: str) -> NameAddr:
    """What :func:`parse_name_addr` does with an unusual spelling; it knows the usual ones as well."""
    match = _name_addr(value)
    if match is not None:
        quoted, plain, uri = match.groups()
        rest = value[match.end():]
        return NameAddr(
            unquote(quoted) if quoted else plain.strip(" \t"),
            parse_uri(uri.strip(" \t"), header),
            parse_params(rest, header) if rest else (),
        )
    # SIP-6: without brackets all after the ";" is the header's, and "," and "?" cannot be the URI's.
    text, semicolon, rest = value.partition(";")
    if "," in text or "?" in text:
        raise malformed(header)
    return NameAddr("", parse_uri(text.strip(" \t"), header), parse_params(semicolon + rest, header))


def check_name_addr(value: str, header: str) -> None:
    """Refuse what :func:`parse_name_addr` refuses, where the value itself is not needed.

    :raises SipSyntaxError: 400, naming ``header``.
    """
    if len(value) > MAX_URI or _plain_name_addr(value) is None:
        parse_name_addr(value, header)


def parse_name_addrs(value: str, header: str = "Address") -> tuple[NameAddr, ...]:
    """Read a comma-separated list of addresses (Contact, Route, P-Asserted-Identity ...).

    :raises SipSyntaxError: 400, naming ``header``.
    """
    return tuple([parse_name_addr(element, header) for element in split_list(value, header)])


def parse_via(value: str) -> Via:
    """Read one hop of a Via header; white space around its separators is allowed.

    :raises SipSyntaxError: 400.
    """
    match = _plain_via(value)
    if match is not None:
        transport, host, digits, params = match.groups()
        return Via(transport, host, None if digits is None else int(digits), plain_params(params))
    return strict_via(value)


def strict_via(value: str) -> Via:
    """What :func:`parse_via` does with an unusual spelling; it knows the usual ones as well."""
    via, rest = start_of_via(value)
    if rest.strip(" \t"):
        raise malformed("Via")
    return via


def start_of_via(value: str) -> tuple[Via, str]:
    """Read one hop up to the first fault in its parameters.

    :return: the hop, and what could not be read.
    :raises SipSyntaxError: 400, when not even its transport, host and port can be read.
    """
    match = _via(value)
    if match is None:
        raise malformed("Via")
    host, port = parse_host_port(match[2].rstrip(" \t"), "Via")
    params, end = leading_params(value[match.end():])
    return Via(match[1].upper(), host, port, params), value[match.end() + end:]


def parse_vias(value: str) -> tuple[Via, ...]:
    """Read a comma-separated list of hops.

    :raises SipSyntaxError: 400.
    """
    return tuple([parse_via(element) for element in split_list(value, "Via")])


def parse_cseq(value: str) -> CSeq:
    """Read a CSeq header.

    :raises SipSyntaxError: 400, also for a number above :data:`MAX_CSEQ` (SIP-8).
    """
    match = _cseq(value)
    # Leading zeros are fine; the length test keeps absurd numbers away from int().
    if match is None or len(digits := match[1].lstrip("0")) > 10 or (number := int(digits or "0")) > MAX_CSEQ:
        raise malformed("CSeq")
    return CSeq(number, match[2])


def parse_content_type(value: str) -> ContentType:
    """Read a Content-Type header.

    :raises SipSyntaxError: 400.
    """
    match = _plain_content_type(value)
    if match is not None:
        return ContentType(match[1].lower(), plain_params(match[2]))
    return strict_content_type(value)


def strict_content_type(value: str) -> ContentType:
    """What :func:`parse_content_type` does with an unusual spelling; it knows the usual ones as well."""
    match = _content_type(value)
    if match is None:
        raise malformed("Content-Type")
    return ContentType(f"{match[1]}/{match[2]}".lower(), parse_params(value[match.end():], "Content-Type"))
