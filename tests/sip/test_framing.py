"""Cutting a stream into messages."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.syntax.framing import MAX_HEAD, Broken, Frame, Ping, Pong, StreamFramer
from iwf.sip.syntax.message import parse_message

QUICK = settings(max_examples=100, deadline=None)


def message(body: bytes = b"", length: bytes | None = None, end: bytes = b"\r\n") -> bytes:
    """A request with a body and a Content-Length line."""
    if length is None:
        length = b"Content-Length: %d" % len(body)
    head = [b"MESSAGE sip:a@b SIP/2.0", b"Via: SIP/2.0/TCP c;branch=z9hG4bKx", b"Subject: l: 99", length, b"",
            b""]
    return end.join(head) + body


def frames_of(octets: bytes, *cuts: int, limit: int = 1000) -> list[Frame]:
    """All that comes out when the octets come in pieces."""
    framer, frames, start = StreamFramer(limit), [], 0
    for cut in (*sorted(cuts), len(octets)):
        frames += framer.feed(octets[start:cut])
        start = max(start, cut)
    return frames


def one_by_one(octets: bytes, limit: int = 1000) -> list[Frame]:
    """All that comes out when each octet comes alone."""
    return frames_of(octets, *range(len(octets)), limit=limit)


def shown(frames: list[Frame]) -> list[object]:
    """Frames as values that can be compared."""
    return [(f.error.status, f.error.reason, f.error.request) if isinstance(f, Broken) else f for f in frames]


class FramingTests(SynchronousTestCase):
    """Messages and pings in, one by one, however they are chopped."""

    def test_messages(self) -> None:
        """Messages come out whole and in order, a long and an empty body alike."""
        first, second = message(b"x" * 500), message()
        self.assertEqual(frames_of(first + second + first), [first, second, first])
        self.assertEqual(one_by_one(first + second + first), [first, second, first])

    def test_responses(self) -> None:
        """Responses come out as requests do, between pongs and requests, if need be octet by octet."""
        provisional = b"SIP/2.0 100 \r\nVia: SIP/2.0/TCP c;branch=z9hG4bKx\r\nl: 0\r\n\r\n"
        final = b"SIP/2.0 415 No\r\nVia: SIP/2.0/TCP c;branch=z9hG4bKx\r\nContent-Length: 6\r\n\r\n\r\n\r\nab"
        octets = [provisional, message(b"hi"), final, provisional]
        self.assertEqual(one_by_one(b"".join(octets)), octets)
        self.assertEqual(parse_message(final, datagram=False).body, b"\r\n\r\nab")
        framer, frames = StreamFramer(1000), []
        framer.expect_pong()
        for octet in b"\r\n" + final:
            frames += framer.feed(bytes([octet]))
        self.assertEqual(frames, [Pong(), final])

    def test_body_that_looks_like_a_message(self) -> None:
        """A body is measured, never read (SIP-10)."""
        inner = message(b"\r\n\r\n" + message(b"x"))
        self.assertEqual(frames_of(message(inner)), [message(inner)])

    def test_length_spellings(self) -> None:
        """The length is found in every spelling that the message reader knows (SIP-2, SIP-3)."""
        for length in (b"l:2", b"L : 2", b"CONTENT-LENGTH\t:\t2 ", b"content-length: 0002",
                       b"Content-Length:\r\n 2", b"l:\r\n\t2\r\n ",
                       b"l: 2\r\nContent-Length: 2"):
            octets = message(b"hi", length)
            self.assertEqual(one_by_one(octets + octets), [octets, octets], length)
            self.assertEqual(parse_message(octets, datagram=False).body, b"hi")

    def test_lone_line_feeds(self) -> None:
        """LF alone ends lines on streams too (SIP-3)."""
        octets = message(b"hi", end=b"\n")
        self.assertEqual(one_by_one(octets + b"\n\n" + octets), [octets, octets])

    def test_pings(self) -> None:
        """Two empty lines between messages are a ping, one is skipped (SIP-47, RFC 5626 3.5.1)."""
        crlf = b"\r\n"
        for octets, frames in (
            (crlf, []),
            (crlf * 2, [Ping()]),
            (crlf * 3 + message(), [Ping(), message()]),
            (crlf * 4, [Ping(), Ping()]),
            (crlf + message() + crlf + message(), [message(), message()]),
            (message(b"hi") + crlf * 2 + message(b"hi"), [message(b"hi"), Ping(), message(b"hi")]),
        ):
            self.assertEqual(frames_of(octets), frames)
            self.assertEqual(one_by_one(octets), frames)

    @QUICK
    @given(
        st.lists(
            st.sampled_from([message(b"hi"), message(b"\r\n" * 9), message(b"", b"l: 0"), b"\r\n", b"\r",
                             b"\n", message(b"", b"l: x"),
                             message(b"", b"X: y"), message(b"", b"l: 2000"), b"noise\r\n"]),
            max_size=8,
        ).map(b"".join),
        st.data(),
    )
    def test_every_chopping(self, octets: bytes, data: st.DataObject) -> None:
        """The same octets give the same frames for every way they are chopped."""
        cuts = data.draw(st.lists(st.integers(0, len(octets)), max_size=12))
        self.assertEqual(shown(frames_of(octets, *cuts)), shown(one_by_one(octets)))

    @QUICK
    @given(st.binary(max_size=60))
    def test_noise(self, octets: bytes) -> None:
        """Noise never raises, and what comes out is whole messages, pings or one last fault."""
        framer = StreamFramer()
        frames = framer.feed(message(b"hi") + octets + b"\r\n\r\n")
        self.assertEqual(frames[0], message(b"hi"))
        self.assertEqual([type(frame) for frame in frames].count(Broken), int(framer.broken))


class BrokenStreamTests(SynchronousTestCase):
    """Streams that cannot be read on end with one fault, which says what to answer."""

    def fault(self, octets: bytes, limit: int = 1000) -> Broken:
        """The one fault at the end of the octets, after a good message."""
        frames = frames_of(message(b"ok") + octets, limit=limit)
        self.assertEqual(frames[:-1], [message(b"ok")])
        self.assertEqual(shown(one_by_one(message(b"ok") + octets, limit)), shown(frames))
        broken = frames[-1]
        assert isinstance(broken, Broken)
        return broken

    def test_bad_lengths(self) -> None:
        """A length that is missing or none gets 400 and ends the stream (SIP-10)."""
        for line, reason in (
            (b"X: y", "Missing Content-Length"),
            (b"l: x", "Malformed Content-Length"),
            (b"l:", "Malformed Content-Length"),
            (b"l: -1", "Malformed Content-Length"),
            (b"l: 1\r\n 2", "Malformed Content-Length"),
            (b"l: 1\r\nl: 2", "Conflicting Content-Length"),
            (b"l: \xff", "Malformed Content-Length"),
        ):
            error = self.fault(message(b"12", line)).error
            self.assertEqual((error.status, error.reason), (400, reason))
            assert error.request is not None
            self.assertEqual(error.request.top_via.branch, "z9hG4bKx")

    def test_too_large(self) -> None:
        """A message over the limit is answered 513 from its head alone; at the limit it passes (SIP-14)."""
        size = len(message(b"x" * 100))
        self.assertEqual(frames_of(message(b"x" * 100), limit=size), [message(b"x" * 100)])
        error = self.fault(message(b"", b"Content-Length: 101"), limit=size).error
        self.assertEqual((error.status, error.request is not None), (513, True))

    def test_headers_without_end(self) -> None:
        """Headers that do not end within the limit are answered 513 if a request can be made out (SIP-47)."""
        endless = message().removesuffix(b"\r\n") + b"X: y\r\n" * (MAX_HEAD // 6)
        error = self.fault(endless).error
        self.assertEqual((error.status, error.request is not None), (513, True))
        garbage = self.fault(b"x" * (MAX_HEAD + 1)).error
        self.assertEqual((garbage.status, garbage.request), (513, None))

    def test_nothing_to_answer(self) -> None:
        """A broken response or ACK ends the stream without an answer (SIP-12)."""
        for start in (b"SIP/2.0 200 OK", b"ACK sip:a@b SIP/2.0"):
            self.assertIsNone(self.fault(message(b"", b"l: x").replace(b"MESSAGE sip:a@b SIP/2.0",
                                                                       start)).error.request)

    def test_silence_afterwards(self) -> None:
        """After a fault nothing more is read."""
        framer = StreamFramer()
        self.assertIsInstance(framer.feed(message(b"", b"l: x") + message())[0], Broken)
        self.assertEqual((framer.feed(message()), framer.broken), ([], True))
