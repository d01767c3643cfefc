"""``message/cpim``: a message with its own headers around any content (RFC 3862).

Names of headers live in namespaces; the reader resolves the prefixes, the writer declares those
that it needs.
"""

from __future__ import annotations

import re

from attrs import frozen

from iwf.mapping.imdn import HEADERS as IMDN

TYPE = "message/cpim"

_CORE = "urn:ietf:params:cpim-headers:"

#: A prefix that many use without declaring it.
_USUAL = {IMDN: "imdn"}

_END = re.compile(rb"\r?\n\r?\n")
_LINE = re.compile(r"\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_HEADER = re.compile(r'([^\s:;]+)[ \t]*:((?:;[^\s";=]+=(?:"(?:\\.|[^"\\])*"|[^\s";]*))*)(.*)', re.DOTALL)
_LANGUAGE = re.compile(r";lang=([A-Za-z0-9-]+)", re.IGNORECASE)
_NAMESPACE = re.compile(r"([^\s<]*)\s*<([^<>]*)>")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_SPECIAL = re.compile(r"[\\\x00-\x1f\x7f-\x9f\u2028\u2029]|^\s|\s$")
_MEANT = {"b": "\b", "t": "\t", "n": "\n", "r": "\r"}
_MIME = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*:(.*)", re.DOTALL)


class CpimFault(ValueError):
    """Octets that are no ``message/cpim``."""


@frozen
class Header:
    """One header of the message."""

    name: str
    value: str
    namespace: str = ""
    """Empty for the headers of RFC 3862 itself."""
    language: str = ""


@frozen
class Cpim:
    """A message."""

    headers: tuple[Header, ...] = ()
    content_headers: tuple[tuple[str, str], ...] = ()
    """Names and values of the MIME headers of the content."""
    content: bytes = b""

    def get(self, name: str, namespace: str = "") -> str:
        """The value of the first header of that name in any case, or empty."""
        return next((value.value for value in self.all(name, namespace)), "")

    def all(self, name: str, namespace: str = "") -> list[Header]:
        """Every header of that name, in order."""
        name = name.lower()
        return [one for one in self.headers
                if one.namespace == namespace and one.name.lower() == name]

    def content_header(self, name: str) -> str:
        """The value of a MIME header of the content, or empty."""
        name = name.lower()
        return next((value for key, value in self.content_headers if key.lower() == name), "")


def parse(octets: bytes) -> Cpim:
    """Read a message; lines may end in LF alone.

    :raises CpimFault: when it is none.
    """
    head, rest = _split(octets)
    content_head, content = _split(rest)
    mime = []
    for line in _lines(content_head):
        match = _MIME.fullmatch(line)
        if match is None:
            raise CpimFault("not a MIME header")
        mime.append((match[1], match[2].strip()))
    return Cpim(_headers(_lines(head)), tuple(mime), content)


def _split(octets: bytes) -> tuple[bytes, bytes]:
    for empty in (b"\r\n", b"\n"):
        if octets.startswith(empty):
            return b"", octets[len(empty):]
    end = _END.search(octets)
    if end is None:
        raise CpimFault("no blank line after the headers")
    return octets[:end.start()], octets[end.end():]


def _lines(octets: bytes) -> list[str]:
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise CpimFault("headers that are not in UTF-8") from None
    return _LINE.split(_FOLD.sub(" ", text)) if text else []


def _headers(lines: list[str]) -> tuple[Header, ...]:
    namespaces = {prefix: uri for uri, prefix in _USUAL.items()}
    found = []
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise CpimFault("not a header")
        name, parameters, value = match[1], match[2], _unescaped(match[3].strip())
        if name == "NS":
            declared = _NAMESPACE.fullmatch(value)
            if declared is None:
                raise CpimFault("not a namespace")
            namespaces[declared[1]] = "" if declared[2] == _CORE else declared[2]
            continue
        prefix, dot, local = name.partition(".")
        if not dot:
            prefix, local = "", name
        elif prefix not in namespaces:
            raise CpimFault("a prefix that is not declared")
        language = _LANGUAGE.search(parameters)
        found.append(Header(local, value, namespaces.get(prefix, ""),
                            language[1] if language else ""))
    return tuple(found)


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    value = _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1]
                        else _MEANT.get(match[2], match[2]), value)
    # Characters beyond the first plane come as two halves; a half alone is no character.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def build(message: Cpim) -> bytes:
    """Write a message.  Names are taken as they are; values may hold any text."""
    lines = []
    prefixes: dict[str, str] = {"": ""}
    for header in message.headers:
        prefix = prefixes.get(header.namespace)
        if prefix is None:
            prefix = _USUAL.get(header.namespace, f"x{len(prefixes)}")
            prefixes[header.namespace] = prefix
            lines.append(f"NS: {prefix} <{_escaped(header.namespace)}>")
        language = f";lang={header.language}" if header.language else ""
        dot = "." if prefix else ""
        lines.append(f"{prefix}{dot}{header.name}:{language} {_escaped(header.value)}")
    mime = [f"{name}: {_LINE.sub(' ', value).strip()}" for name, value in message.content_headers]
    head = "".join(f"{line}\r\n" for line in (*lines, "", *mime, ""))
    return head.encode(errors="replace") + message.content


def _escaped(value: str) -> str:
    return _SPECIAL.sub(_escape, value)


def _escape(match: re.Match[str]) -> str:
    return "\\\\" if match[0] == "\\" else f"\\u{ord(match[0]):04x}"
