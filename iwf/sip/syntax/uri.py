"""SIP, SIPS, tel, im and pres URIs (RFC 3261 19.1, RFC 3966, RFC 3859, RFC 3860; SIP-7).

Parts are kept as they were written, escapes included, and decoded once on demand, so that the
original spelling survives for replies (ADDR-6, ADDR-22).  Only the host is lowered.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from attrs import evolve, frozen

from iwf.sip.syntax.grammar import (
    PLAIN_PARAMS,
    RESERVED,
    Params,
    SipSyntaxError,
    check_escapes,
    find_param,
    malformed,
    plain_params,
    set_param,
    unescape_text,
)

__all__ = ["PLAIN_HOST_PORT", "PLAIN_SIP", "Params", "Uri", "parse_host_port", "parse_uri", "plain_sip", "same_uri"]

#: Longest URI taken (414 beyond), the same figure as for a whole line (SIP-14).
MAX_URI = 8192

# Characters that no URI may hold unescaped: they delimit it (RFC 3986 appendix C).  Others that
# RFC 3261 wants escaped (such as # in a feature code) are taken as they are: peers send them raw
# and no part of a URI is read differently for it.
_FORBIDDEN = r'\s<>"\x00-\x1f\x7f'
_split_sip = re.compile(
    rf"(?:([^:@{_FORBIDDEN}]+)(?::([^@{_FORBIDDEN}]*))?@)?"  # user:password@
    rf"([^@;?{_FORBIDDEN}]+)"                                 # host:port
    rf"((?:;[^@;?{_FORBIDDEN}]+)*)"                           # ;params
    rf"(\?[^@{_FORBIDDEN}]+)?"                                # ?headers
).fullmatch
_split_tel = re.compile(rf"([0-9A-Fa-f*#+().\-]+)((?:;[^@;?{_FORBIDDEN}]+)*)").fullmatch
_scheme = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*").fullmatch
_is_opaque = re.compile(rf"[^{_FORBIDDEN}]+").fullmatch
# SIP-7: escapes never occur in a host.  Underscores do, though no host name may have them.
_LABEL = r"[A-Za-z0-9_][A-Za-z0-9_\-]*"
_split_host = re.compile(
    rf"({_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]{{2,45}}\])(?:[ \t]*:[ \t]*([0-9]{{1,5}}))?"
).fullmatch
#: The spelling of most hosts, ports and sip: URIs.  It is read at once, all others part by part;
#: what it matches means the same either way.
PLAIN_HOST_PORT = r"((?:[a-z0-9][a-z0-9\-]*\.)*[a-z0-9][a-z0-9\-]*)(?::([1-9][0-9]{0,3}))?"
PLAIN_SIP = rf"sip:(?:([A-Za-z0-9\-_.!~*'+]+)@)?{PLAIN_HOST_PORT}({PLAIN_PARAMS})"
_plain_sip = re.compile(PLAIN_SIP).fullmatch
_separators = re.compile(r"[-.()]")
_escape = re.compile("%([0-9A-Fa-f]{2})")

_HOST_SCHEMES = frozenset(("sip", "sips", "im", "pres"))
# RFC 3261 19.1.4: in only one of two URIs, these make them different (SIP-7).
_NEVER_IGNORED = frozenset(("user", "ttl", "method", "maddr", "transport"))


@frozen
class Uri:
    """A URI in parts; ``str`` writes it."""

    scheme: str
    """Lower case."""
    user: str | None = None
    """Raw, escapes kept; None when there is no user part.  For ``tel``: the number as written."""
    password: str | None = None
    """Raw; None when absent."""
    host: str = ""
    """Lower case, IPv6 in brackets; empty for ``tel`` and for schemes that are not parsed."""
    port: int | None = None
    params: Params = ()
    """Names and raw values as written, in order."""
    headers: Params = ()
    """Names and raw values of the part after ``?``; never applied to anything (SIP-13)."""
    opaque: str = ""
    """All after the scheme, for schemes that are not parsed."""

    def __str__(self) -> str:
        if self.opaque:
            return f"{self.scheme}:{self.opaque}"
        text = f"{self.scheme}:"
        if self.user is not None:
            text += self.user
            if self.password is not None:
                text += f":{self.password}"
            if self.host:
                text += "@"
        text += self.host
        if self.port is not None:
            text += f":{self.port}"
        for name, value in self.params:
            text += f";{name}" if value is None else f";{name}={value}"
        if self.headers:
            text += "?" + "&".join(n if v is None else f"{n}={v}" for n, v in self.headers)
        return text

    def param(self, name: str) -> str | None:
        """The raw value of a parameter (lower-case name): empty when it has no value, None when absent."""
        return find_param(self.params, name) if self.params else None

    def with_param(self, name: str, value: str | None) -> Uri:
        """With that parameter (lower-case name) replaced or added; the value must be escaped already."""
        return evolve(self, params=set_param(self.params, name, value))

    def user_text(self) -> str:
        """The user part percent-decoded as UTF-8, empty when there is none.

        :raises SipSyntaxError: 404, when the octets are no UTF-8 (ADDR-16).
        """
        return unescape_text(self.user) if self.user else ""

    def instance(self) -> str:
        """The decoded value of ``gr`` (ADDR-31, ADDR-32), empty when absent or without value.

        :raises SipSyntaxError: 404, when the octets are no UTF-8.
        """
        value = self.param("gr") if self.params else ""
        return unescape_text(value) if value else ""


def parse_uri(text: str, header: str = "Request-URI") -> Uri:
    """Read a URI; a scheme other than sip, sips, tel, im and pres is kept whole in ``opaque``.

    :param header: where it was found, for the reason phrase.
    :raises SipSyntaxError: 400, or 414 when it is too long.
    """
    if len(text) > MAX_URI:
        raise SipSyntaxError(414, f"{header} Too Long")
    match = _plain_sip(text)
    if match is not None:
        return plain_sip(*match.groups())
    return strict_uri(text, header)


def strict_uri(text: str, header: str) -> Uri:
    """What :func:`parse_uri` does with a URI in an unusual spelling; it knows the usual ones as well."""
    spelled, _, rest = text.partition(":")
    scheme = spelled.lower()
    if scheme in _HOST_SCHEMES:
        return _parse_sip(scheme, rest, header)
    if not _scheme(scheme):
        raise malformed(header)
    if scheme == "tel":
        match = _split_tel(rest)
        if match is None:
            raise malformed(header)
        check_escapes(rest, header)
        return Uri("tel", match[1], params=_pairs(match[2][1:], ";", header))
    if not _is_opaque(rest):
        raise malformed(header)
    return Uri(scheme, opaque=rest)


def plain_sip(user: str | None, host: str, port: str | None, params: str) -> Uri:
    """The URI of the groups of :data:`PLAIN_SIP`."""
    return Uri("sip", user, None, host, None if port is None else int(port), plain_params(params) if params else ())


def _parse_sip(scheme: str, rest: str, header: str) -> Uri:
    match = _split_sip(rest)
    if match is None:
        raise malformed(header)
    if "%" in rest:
        check_escapes(rest, header)
    user, password, host_port, params, headers = match.groups()
    host, port = parse_host_port(host_port, header)
    return Uri(
        scheme,
        user,
        password,
        host,
        port,
        _pairs(params[1:], ";", header),
        _pairs(headers[1:], "&", header) if headers else (),
    )


def parse_host_port(text: str, header: str) -> tuple[str, int | None]:
    """Read ``host[:port]``: a name, IPv4 address or bracketed IPv6 address, lowered.

    :raises SipSyntaxError: 400, for an IPv6 address without brackets (SIP-7) as well.
    """
    match = _split_host(text)
    if match is None:
        raise malformed(header)
    host, digits = match.groups()
    if host[0] == "[":
        try:
            # RFC 5118 4.10: the grammar of RFC 2373 yields ":::" before an IPv4 tail; taken as "::".
            IPv6Address(host[1:-1].replace(":::", "::"))
        except ValueError:
            raise malformed(header) from None
    if digits is None:
        return host.lower(), None
    port = int(digits)
    if not 0 < port < 65536:
        raise malformed(header)
    return host.lower(), port


def _pairs(text: str, separator: str, header: str) -> Params:
    if not text:
        return ()
    pairs = []
    for part in text.split(separator):
        name, equals, value = part.partition("=")
        if not name:
            raise malformed(header)
        pairs.append((name, value if equals else None))
    return tuple(pairs)


def same_uri(a: Uri, b: Uri) -> bool:
    """Whether two URIs are equal by RFC 3261 19.1.4 (tel: RFC 3966 section 4; other schemes: the same text)."""
    if a.scheme != b.scheme:
        return False
    if a.opaque or b.opaque:
        return a.opaque == b.opaque
    if a.scheme == "tel":
        return _folded_number(a.user) == _folded_number(b.user) and _folded(a.params) == _folded(b.params)
    return (
        _plain(a.user) == _plain(b.user)
        and _plain(a.password) == _plain(b.password)
        and a.host == b.host
        and a.port == b.port  # a missing port is not the default port
        and _same_params(a.params, b.params)
        and _folded(a.headers) == _folded(b.headers)
    )


def _same_params(a: Params, b: Params) -> bool:
    first, second = _folded(a), _folded(b)
    for name in first.keys() | second.keys():
        if name in first and name in second:
            if first[name] != second[name]:
                return False
        elif name in _NEVER_IGNORED:
            return False
    return True


def _folded(pairs: Params) -> dict[str, str | None]:
    return {
        _plain(name).lower(): None if value is None else _plain(value).lower()  # type: ignore[union-attr]
        for name, value in pairs
    }


def _folded_number(number: str | None) -> str:
    return _separators.sub("", number or "").lower()  # RFC 3966: separators carry no meaning


def _plain(text: str | None) -> str | None:
    """With the escapes undone that carry no meaning: those of characters that are not reserved."""
    if text is None or "%" not in text:
        return text
    return _escape.sub(_undo_escape, text)


def _undo_escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    # ADDR-6: reserved characters differ from their escapes; parts of a UTF-8 sequence stay escaped.
    return match[0].upper() if character in RESERVED or not character.isascii() else character
