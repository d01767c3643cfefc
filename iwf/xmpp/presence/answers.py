"""What is answered to presence stanzas without knowing anybody's presence.  Pure."""

from __future__ import annotations

from twisted.words.xish.domish import Element

from iwf.mapping.model import Event, Failure, Refused, Remember, Verdict, WatchRenewed, WatchRequested
from iwf.xmpp.disco import add_caps
from iwf.xmpp.elements import Component, add, attribute, legal_attribute, make, octets_of, reply
from iwf.xmpp.reasons import error_reply


def bare_reply(request: Element, component: Component, type: str) -> Element:
    """A presence stanza from the bare JID that was asked to the bare JID that asks."""
    answer = reply(request, component, type)
    for name in ("from", "to"):
        answer.attributes[name] = answer.attributes[name].partition("/")[0]
    return answer


def available_gateway(to: str, component: Component) -> Element:
    """That the gateway itself is there, with its capabilities (XMPP-18, XMPP-21)."""
    available = make("presence", **{"from": component.spelling}, to=legal_attribute(to))
    if component.notice:
        add(available, "status", component.notice)  # XMPP-22
    add_caps(available, component, of_image=False)
    return available


def unavailable_gateway(to: str, component: Component) -> Element:
    """That the gateway itself is not there (XMPP-21)."""
    return make("presence", type="unavailable", **{"from": component.spelling}, to=legal_attribute(to))


def answer_verdict(request: Element, event: Event, verdict: Verdict, component: Component) -> bytes:
    """The answer to a presence stanza, once the core has judged what it says; empty for none."""
    if isinstance(verdict, Refused):
        return _refusal(request, event, verdict.failure, component)
    if not isinstance(event, Remember):
        return b""
    if event.text:
        answers = (bare_reply(request, component, "subscribed"),
                   available_gateway(event.text, component))  # XMPP-21
        return b"".join(map(octets_of, answers))
    if attribute(request, "type") == "unsubscribe":
        return octets_of(bare_reply(request, component, "unsubscribed"))
    return b""


def _refusal(request: Element, event: Event, failure: Failure, component: Component) -> bytes:
    if isinstance(event, WatchRequested) and event.target.user:
        # XMPP section 6: who asks is told why not.
        return octets_of(error_reply(request, component, failure))
    # RFC 6121 4.3.2: his server takes it for the end of the subscription, which trouble of ours is not.
    if isinstance(event, WatchRenewed) and attribute(request, "type") == "probe" and failure.permanent:
        return octets_of(bare_reply(request, component, "unsubscribed"))  # PRES-15
    if isinstance(event, Remember) and attribute(request, "type") == "subscribe":
        return octets_of(error_reply(request, component, failure))
    return b""
