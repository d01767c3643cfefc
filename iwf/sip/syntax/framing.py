"""Cutting a byte stream into SIP messages (RFC 3261 18.3, RFC 5626 3.5.1; SIP-10, SIP-14, SIP-47).

No IO and no exceptions: octets in, frames out, the same ones for every way the octets are chopped.
"""

from __future__ import annotations

import re

from attrs import frozen

from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.lines import content_length, find_head_end
from iwf.sip.syntax.message import Request, answerable, parse_message

#: Octets of start line and headers together.  Without a limit a peer that never sends an empty line
#: would fill the memory; the longest legal head of RFC 4475 has 4 KiB (SIP-47).
MAX_HEAD = 65_536
#: Default for a whole message on a stream: ``max_sip_message`` (SIP-14).
MAX_MESSAGE = 262_144

_lengths = re.compile(rb"\n(?:content-length|l)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE).findall
_folds = re.compile(rb"\r?\n[ \t]+")


@frozen
class Ping:
    """An empty line twice between messages: answer one CRLF (SIP-47)."""


@frozen
class Pong:
    """The empty line that answers a ping of ours."""


@frozen
class Broken:
    """The stream cannot be read any further: answer ``error.request`` if there is one, then close."""

    error: SipSyntaxError


Frame = bytes | Ping | Pong | Broken

_PING = Ping()
_PONG = Pong()


class StreamFramer:
    """One direction of one connection.

    :param max_message: octets of the longest message taken; beyond: 513.
    """

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self._max_message = max_message
        self._buffer = bytearray()
        self._searched = 0  # no empty line begins before this offset
        self._size = 0      # octets of the message at the start of the buffer; 0: not known yet
        self._half_ping = False
        self._pong_due = False
        self.broken = False
        """Whether a :class:`Broken` has come out; nothing more will."""

    def expect_pong(self) -> None:
        """We have sent a ping: the next empty line is its answer and not half a ping."""
        self._pong_due = True

    def feed(self, octets: bytes) -> list[Frame]:
        """Take octets as they come in.

        :return: complete messages as octets, without the empty lines before them, and the markers
            between, in order.
        """
        frames: list[Frame] = []
        if self.broken:
            return frames
        self._buffer += octets
        while (self._size or self._read_head(frames)) and len(self._buffer) >= self._size:
            frames.append(bytes(self._buffer[:self._size]))
            del self._buffer[:self._size]
            self._size = self._searched = 0
        return frames

    def _read_head(self, frames: list[Frame]) -> bool:
        """Find the size of the next message; False when more octets are needed or the stream is broken."""
        buffer = self._buffer
        if not self._searched:
            self._skip_empty_lines(frames)
            if not buffer or buffer == b"\r":
                return False
            self._half_ping = False
        _, body = find_head_end(buffer, self._searched)
        head_size = body if body >= 0 else len(buffer)
        if head_size > MAX_HEAD:
            return self._break(frames, SipSyntaxError(513, "Headers Too Large"), MAX_HEAD)
        if body < 0:
            self._searched = max(1, len(buffer) - 2)  # an empty line may have begun in the last two octets
            return False
        try:
            length = _content_length(bytes(buffer[:body]))
        except SipSyntaxError as error:
            return self._break(frames, error, body)
        if body + length > self._max_message:
            return self._break(frames, SipSyntaxError(513, "Message Too Large"), body)
        self._size = body + length
        return True

    def _skip_empty_lines(self, frames: list[Frame]) -> None:
        buffer, position = self._buffer, 0
        while True:
            if buffer.startswith(b"\r\n", position):
                position += 2
                if self._pong_due:
                    self._pong_due = False
                    frames.append(_PONG)
                    continue
                if self._half_ping:
                    frames.append(_PING)
                self._half_ping = not self._half_ping
            elif buffer.startswith(b"\n", position):
                position += 1
            else:
                break
        del buffer[:position]

    def _break(self, frames: list[Frame], error: SipSyntaxError, head_size: int) -> bool:
        error.request = _request_in(bytes(self._buffer[:head_size]))
        frames.append(Broken(error))
        self.broken = True
        self._buffer = bytearray()
        return False


def _content_length(head: bytes) -> int:
    values = [_folds.sub(b" ", value).strip(b" \t\r") for value in _lengths(head)]
    length = content_length([value.decode("ascii", "replace") for value in values])
    if length is None:
        raise SipSyntaxError(400, "Missing Content-Length")  # SIP-10
    return length


def _request_in(head: bytes) -> Request | None:
    """The request to answer, read from the beginning of a message; None when there is none."""
    try:
        message = parse_message(head)
    except SipSyntaxError as error:
        return error.request
    return answerable(message) if isinstance(message, Request) else None
