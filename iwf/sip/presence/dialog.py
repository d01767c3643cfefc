"""Dialogs: two user agents that know each other's next request (RFC 3261 12; SIP-70 to SIP-74).  Pure.

URIs are kept as the text they came in, since ten thousand dialogs may be alive at once and few of their
parts are ever looked at.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve, frozen

from iwf.sip.syntax.grammar import SipSyntaxError, malformed
from iwf.sip.syntax.message import Message, Request, Response
from iwf.sip.syntax.routes import request_uri_and_routes
from iwf.sip.syntax.uri import Uri, parse_uri

#: RFC 3261 6, RFC 6665 8.1: requests whose Contact is the new remote target (SIP-71).
TARGET_REFRESHING = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY"})

DialogId = tuple[str, str, str]
"""Call-ID, our tag, the peer's tag (SIP-70)."""


@frozen
class Dialog:
    """One dialog as one of its ends sees it; each request in it makes a new value."""

    call_id: str
    local_tag: str
    remote_tag: str
    """Empty for a peer of RFC 2543's time."""
    local: str
    """Our URI: that of From in what we send, of To in what we get."""
    remote: str
    """The peer's URI."""
    target: str
    """The URI in the peer's latest Contact: where he wants requests to go."""
    route_set: tuple[str, ...] = ()
    """URIs of the proxies between us that want to stay in between, the nearest first."""
    local_cseq: int = 0
    """Of our latest request; 0 before the first."""
    remote_cseq: int | None = None
    """Of the peer's latest request; None before the first (SIP-73)."""

    @property
    def id(self) -> DialogId:
        """Under which requests of the peer find it (SIP-70)."""
        return self.call_id, self.local_tag, self.remote_tag

    # -- what comes in

    def is_late(self, request: Request) -> bool:
        """Whether the peer has sent a later one already: the answer is 500 (SIP-73).

        One that is as late is the same one, sent again by a peer that has not heard our answer.
        """
        return self.remote_cseq is not None and request.cseq.number < self.remote_cseq

    def heard(self, message: Message) -> Dialog:
        """The dialog after a request of the peer, or a 2xx to one of ours.

        :raises SipSyntaxError: 400, for a Contact that cannot be read.
        """
        dialog = self
        if isinstance(message, Request):
            dialog = evolve(dialog, remote_cseq=message.cseq.number)
        if message.cseq.method in TARGET_REFRESHING:
            contacts = message.addresses("Contact")
            if contacts:
                dialog = evolve(dialog, target=_callable(contacts[0].uri))
        return dialog

    # -- what goes out

    @property
    def next_uri(self) -> Uri:
        """Where the next request goes first: the nearest proxy, or the target itself (RFC 3261 8.1.2)."""
        return parse_uri(self.route_set[0] if self.route_set else self.target)

    def compose(self, method: str, headers: Iterable[tuple[str, str]] = (),
                body: bytes = b"") -> tuple[Dialog, Request]:
        """The next request of ours in the dialog (RFC 3261 12.2.1.1; SIP-72).

        :param headers: further lines.
        :return: the dialog after it, and the request, without Via.
        :raises SipSyntaxError: when a part of it cannot be written.
        """
        after = evolve(self, local_cseq=self.local_cseq + 1)
        uri, routes = request_uri_and_routes(self.target, self.route_set)
        lines = [
            *(("Route", f"<{route}>") for route in routes),
            ("Max-Forwards", "70"),
            ("From", _tagged(self.local, self.local_tag)),
            ("To", _tagged(self.remote, self.remote_tag)),
            ("Call-ID", self.call_id),
            ("CSeq", f"{after.local_cseq} {method}"),
            *headers,
        ]
        return after, Request(method, uri, lines, body)

    def sent(self, cseq: int) -> Dialog:
        """The dialog after a request of ours that had to be sent again, with that number (SIP-60)."""
        return self if cseq <= self.local_cseq else evolve(self, local_cseq=cseq)

    # -- memory

    def packed(self) -> list[object]:
        """Its fields as JSON knows them, for :meth:`unpacked` (SIP-93)."""
        return [self.call_id, self.local_tag, self.remote_tag, self.local, self.remote, self.target,
                list(self.route_set), self.local_cseq, self.remote_cseq]

    @classmethod
    def unpacked(cls, fields: object) -> Dialog:
        """The dialog that :meth:`packed` wrote.

        :raises ValueError: when it is none.
        """
        match fields:
            case [str(call_id), str(local_tag), str(remote_tag), str(local), str(remote), str(target), [*routes],
                  int(local_cseq), int() | None as remote_cseq] if all(isinstance(route, str) for route in routes):
                return cls(call_id, local_tag, remote_tag, local, remote, target,
                           tuple([str(route) for route in routes]), local_cseq, remote_cseq)
        raise ValueError("no dialog")


def dialog_of_request(request: Request, local_tag: str = "", local_cseq: int = 0) -> Dialog:
    """The dialog that a request of a peer makes: his SUBSCRIBE at the notifier, his NOTIFY at the subscriber
    (RFC 3261 12.1.1, RFC 6665 4.4.1; SIP-70).

    :param local_tag: our tag, where the request's To has none yet.
    :param local_cseq: of our latest request with that Call-ID.
    :raises SipSyntaxError: 400, without a usable Contact, or with a Record-Route that cannot be read.
    """
    return Dialog(
        call_id=request.call_id,
        local_tag=request.to.tag or local_tag,
        remote_tag=request.from_.tag,
        local=str(request.to.uri),
        remote=str(request.from_.uri),
        target=_contact(request),
        route_set=_routes(request),                                  # SIP-71: as it stands
        local_cseq=local_cseq,
        remote_cseq=request.cseq.number,
    )


def dialog_of_response(request: Request, response: Response) -> Dialog:
    """The dialog that a 2xx to a request of ours makes (RFC 3261 12.1.2).

    :raises SipSyntaxError: as :func:`dialog_of_request`.
    """
    return Dialog(
        call_id=request.call_id,
        local_tag=request.from_.tag,
        remote_tag=response.to.tag,
        local=str(request.from_.uri),
        remote=str(request.to.uri),
        target=_contact(response),
        route_set=_routes(response)[::-1],                           # SIP-71: reversed
        local_cseq=request.cseq.number,
    )


def id_of_request(request: Request) -> DialogId:
    """The dialog that a peer's request says it belongs to; our tag is empty where it says none."""
    return request.call_id, request.to.tag, request.from_.tag


def _contact(message: Message) -> str:
    contacts = message.addresses("Contact")
    # RFC 3261 8.1.1.8, RFC 6665 8.2: there must be one.  What cannot be called is as good as none.
    if not contacts or contacts[0].uri.scheme not in ("sip", "sips"):
        raise malformed("Contact") if contacts else SipSyntaxError(400, "Missing Contact")
    return _callable(contacts[0].uri)


def _callable(uri: Uri) -> str:
    """A Contact as a Request-URI: without what must not stand there (RFC 3261 19.1.1)."""
    return str(evolve(uri, headers=(), params=tuple(pair for pair in uri.params if pair[0].lower() != "method")))


def _routes(message: Message) -> tuple[str, ...]:
    routes = message.addresses("Record-Route")
    if any(route.uri.scheme not in ("sip", "sips") for route in routes):
        raise malformed("Record-Route")
    return tuple([str(route.uri) for route in routes])


def _tagged(uri: str, tag: str) -> str:
    # Written as text: brackets always (SIP-6), no display name, since only URI and tag are compared.
    return f"<{uri}>;tag={tag}" if tag else f"<{uri}>"

