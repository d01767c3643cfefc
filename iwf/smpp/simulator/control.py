"""Be a phone: what arrived, and texts to send, as JSON over HTTP (shell).

For loopback and for people who try things out: whoever reaches the port may do everything.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from attrs import asdict
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import clientFromString
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from iwf.smpp.reasons import MessageState
from iwf.smpp.simulator.handset import Fate
from iwf.smpp.simulator.phones import Phones, text_from
from iwf.smpp.simulator.receipt import STAT
from iwf.smpp.simulator.smsc import SmscFactory
from iwf.smpp.text.segments import TooLong
from iwf.smpp.wire.pdu import PduFault

HELP = """\
GET  /phones                 numbers that have been written to
GET  /phones/+49170?after=2  what one of them has got, after its second text
POST /phones/+49170          {"to": "X000000001", "text": "Hello"}: it sends a text
PUT  /phones/+49170          {"state": "UNDELIV", "after": 2.0, "error": "001"}: what becomes of texts to it;
                             {"status": 11} refuses them, {"answers": false} leaves them unanswered,
                             {"state": null} gives no receipts, {} is as before; {"delay": 1.0} answers late,
                             with a negative "after" when there is a receipt already
GET  /binds                  who is bound
PUT  /rate                   {"rate": 10}: more submits in a second are throttled; 0: none
POST /outbind                {"connect": "tcp:127.0.0.1:2776", "password": "secret"}: ask an ESME to bind
"""

_STATES = {stat: state for state, stat in STAT.items()}


class BadRequest(Exception):
    """What was asked for cannot be; the text says why."""


class Control(Resource):
    """The resource at the root, and at everything below it."""

    isLeaf = True

    def __init__(self, smsc: SmscFactory, phones: Phones, reactor: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._smsc = smsc
        self._phones = phones
        self._reactor = reactor
        self._reference = 0

    def render(self, request: Request) -> Any:
        """See :class:`twisted.web.resource.IResource`."""
        if request.getHeader("origin") is not None:
            # A page in somebody's browser has no business here.
            return _answer(request, 403, {"error": "not for web pages"})
        try:
            result = self._handle(request)
        except (BadRequest, PduFault, TooLong) as fault:
            return _answer(request, 400, {"error": str(fault)})
        if isinstance(result, str):
            request.setHeader("content-type", "text/plain; charset=utf-8")
            return result.encode()
        if not isinstance(result, Deferred):
            return _answer(request, 200, result)
        result.addCallbacks(lambda found: _answer(request, 200, found),
                            lambda failure: _answer(request, 502, {"error": failure.getErrorMessage()}))
        result.addCallback(request.write).addCallback(lambda _: request.finish())
        result.addErrback(lambda failure: None)  # he has hung up
        return NOT_DONE_YET

    def _handle(self, request: Request) -> Any:
        path = unquote(request.path.decode("ascii", "replace")).strip("/")
        match request.method.decode("ascii", "replace"), path.split("/") if path else []:
            case "GET", []:
                return HELP
            case "GET", ["phones"]:
                return self._phones.numbers
            case "GET", ["phones", phone]:
                return [asdict(text) for text in self._phones.texts(phone, _after(request))]
            case "POST", ["phones", phone]:
                return self._send(phone, _body(request))
            case "PUT", ["phones", phone]:
                self._phones.set_fate(phone, _fate(_body(request)))
                return {}
            case "GET", ["binds"]:
                return [{"account": bind.account, "state": bind.session.state.value}
                        for bind in self._smsc.connections]
            case "PUT", ["rate"]:
                self._smsc.rate = _wanted(_body(request), "rate", int)
                return {}
            case "POST", ["outbind"]:
                return self._outbind(_body(request))
        raise BadRequest("no such thing; GET / says what there is")

    def _send(self, phone: str, body: dict[str, Any]) -> Deferred[Any]:
        to, text = _wanted(body, "to", str), _wanted(body, "text", str)
        self._reference = (self._reference + 1) & 0xFF
        accounts = [bind.account for bind in self._smsc.connections if bind.takes_messages]
        account = body.get("account", accounts[0] if accounts else "")
        if account not in accounts:
            raise BadRequest("nobody is bound who takes it")
        parts = text_from(phone, to, text, self._reference)
        answers = gatherResults([self._smsc.deliver(account, part) for part in parts])
        return answers.addCallback(lambda statuses: {"statuses": statuses})

    def _outbind(self, body: dict[str, Any]) -> Deferred[Any]:
        try:
            endpoint = clientFromString(self._reactor, _wanted(body, "connect", str))
        except ValueError as fault:
            raise BadRequest(str(fault)) from None
        return self._smsc.outbind(endpoint, _wanted(body, "password", str)).addCallback(lambda _: {})


def _answer(request: Request, code: int, value: object) -> bytes:
    request.setResponseCode(code)
    request.setHeader("content-type", "application/json")
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def _after(request: Request) -> int:
    [value] = (request.args or {}).get(b"after", [b"0"])[:1]
    try:
        return int(value)
    except ValueError:
        raise BadRequest("after: not a number") from None


def _body(request: Request) -> dict[str, Any]:
    assert request.content is not None
    try:
        body = json.loads(request.content.read())
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequest("the body is not an object")
    return body


def _wanted(body: dict[str, Any], key: str, kind: type) -> Any:
    value = body.get(key)
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        raise BadRequest(f"{key}: {kind.__name__} expected")
    return value


def _fate(body: dict[str, Any]) -> Fate:
    stat = body.get("state", "DELIVRD")
    if stat is not None and stat not in _STATES:
        raise BadRequest(f"state: one of {', '.join(_STATES)} or null expected")
    state: MessageState | None = None if stat is None else _STATES[stat]
    delay = _seconds(body, "delay", 0)
    after = _seconds(body, "after", -delay)
    status = _wanted({"status": 0, **body}, "status", int)
    if not 0 <= status <= 0xFFFFFFFF:
        raise BadRequest("status: a command_status expected")
    return Fate(status, _wanted({"answers": True, **body}, "answers", bool), state, after,
                _wanted({"error": "000", **body}, "error", str), delay=delay)


def _seconds(body: dict[str, Any], key: str, least: float) -> float:
    value = body.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= 86400:
        raise BadRequest(f"{key}: seconds expected")
    return float(value)
