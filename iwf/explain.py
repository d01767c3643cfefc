"""``iwf explain``: what the daemon would do with one piece of wire input, sending nothing.

It runs the very functions of the daemon: an edge reads, the core decides over an empty memory,
the edges write what would go out.
"""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import to_builtins

from iwf import __version__
from iwf.config import Settings
from iwf.edge import Answered, Ignored, Offered, Reading
from iwf.engine.store.memory import MemoryStore
from iwf.mapping.core import decide
from iwf.mapping.model import Event, Failure, Item, Refused, Taken, Verdict
from iwf.mapping.turn import At, Turn, run
from iwf.sip.explain import Explainer as SipExplainer
from iwf.smpp.explain import Explainer as SmppExplainer
from iwf.xmpp.explain import Explainer as XmppExplainer


class Explainer(Protocol):
    """What each edge offers for it."""

    def read(self, octets: bytes, now: float) -> Reading: ...

    def answer(self, octets: bytes, verdict: Verdict) -> bytes: ...

    def write(self, item: Item, now: float) -> tuple[str, bytes] | Failure: ...


def explain(settings: Settings, edge: str, octets: bytes, now: float, token: str,
            peer: str = "") -> dict[str, Any]:
    """The story of one input.

    :param edge: ``sip``, ``xmpp`` or ``smpp``, where the input comes in.
    :param token: see :class:`~iwf.mapping.turn.At`.
    :param peer: SIP: the source address; SMPP: the name of the link; empty for the first allowed.
    :return: ``verdict`` (accepted, rejected, ignored), ``answer`` (the wire answer or None),
        ``out`` (what would be sent: ``edge``, ``to``, ``wire``), ``neutral`` (the event or None),
        ``rules`` and ``why``.  SMPP wire is hexadecimal.
    """
    edges: dict[str, Explainer] = {
        "sip": SipExplainer(settings.sip, peer if edge == "sip" else ""),
        "xmpp": XmppExplainer(settings.xmpp, __version__),
        "smpp": SmppExplainer(settings.smpp, peer if edge == "smpp" else "")}
    reading = edges[edge].read(octets, now)
    match reading:
        case Ignored():
            return _story("ignored", None, [], None, reading.rules, reading.why)
        case Answered():
            return _story("rejected" if reading.refused else "accepted",
                          _wire(edge, reading.answer), [], None, reading.rules, reading.why)
        case Offered():
            turn = run(decide(reading.event, At(now, token, settings.gateway)), MemoryStore().load)
            return _told(edges, edge, octets, reading, turn, now)


def _told(edges: dict[str, Explainer], edge: str, octets: bytes, offered: Offered, turn: Turn,
          now: float) -> dict[str, Any]:
    # A held verdict would be yes once the far side has kept silent long enough (MSG-32).
    verdict = turn.verdict if isinstance(turn.verdict, Taken | Refused) else Taken("")
    out = []
    for item in turn.sends + turn.volatile:
        name = item.lane.partition(":")[0]
        written = edges[name].write(item, now)
        if isinstance(written, Failure):
            out.append({"edge": name, "to": item.lane, "wire": None,
                        "failure": written.reason.value, "text": written.text})
        else:
            out.append({"edge": name, "to": written[0], "wire": _wire(name, written[1])})
    answer = edges[edge].answer(octets, verdict)
    why = turn.note if isinstance(verdict, Taken) else verdict.failure.text or turn.note
    return _story("accepted" if isinstance(verdict, Taken) else "rejected",
                  _wire(edge, answer) if answer else None, out, offered.event,
                  tuple(dict.fromkeys(offered.rules + turn.rules)), why)


def _story(verdict: str, answer: str | None, out: list[dict[str, Any]], event: Event | None,
           rules: tuple[str, ...], why: str) -> dict[str, Any]:
    neutral = None
    if event is not None:
        neutral = {"type": type(event).__name__, **to_builtins(event)}
    return {"verdict": verdict, "answer": answer, "out": out, "neutral": neutral,
            "rules": list(rules), "why": why}


def _wire(edge: str, octets: bytes) -> str:
    """Octets as text: hexadecimal for SMPP, UTF-8 with escapes for the others."""
    return octets.hex() if edge == "smpp" else octets.decode("utf-8", "backslashreplace")
