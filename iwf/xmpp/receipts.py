"""Receipts and chat states as stanzas have them: XEP-0184, XEP-0333, XEP-0085.  Pure."""

from __future__ import annotations

from twisted.words.xish.domish import Element

from iwf.mapping.model import Composing, Item, Kind, Notification, Outcome, Reason, Want, Wants
from iwf.xmpp.elements import Component, add, children, legal_attribute, legal_text, make
from iwf.xmpp.envelope import Unwritable, native_jid, own_jid
from iwf.xmpp.extensions import NS_HINTS, NS_MARKERS, NS_RECEIPTS, NS_STATES

#: Chat states that say whether somebody is typing (COMP-3); ``gone`` says nothing of it.
STATES = frozenset({"active", "composing", "paused", "inactive"})

_OUTCOMES = {Outcome.DELIVERED: ("received", NS_RECEIPTS),
             Outcome.DISPLAYED: ("displayed", NS_MARKERS)}  # fmt: skip


def add_requests(stanza: Element, wants: Wants) -> None:
    """Ask the recipient for what the sender wants to hear (RCPT-5).

    Failures are not asked for: a server always reports them.
    """
    if Want.DELIVERED in wants:
        add(stanza, "request", uri=NS_RECEIPTS)
    if Want.DISPLAYED in wants:
        add(stanza, "markable", uri=NS_MARKERS)


def write_notification(item: Item, told: Notification, component: Component) -> Element:
    """The acknowledgement for a sender who had asked, and nothing else in it (RCPT-3, RCPT-11).

    :raise JidFault: when one of the addresses is no JID.
    :raise Unwritable: when the origin is not ours, or there is no word for the outcome.
    """
    word = _OUTCOMES.get(told.outcome)
    if word is None:
        raise Unwritable(Reason.NOT_SUPPORTED, "failures are told by errors")
    stanza = make(
        "message",
        type="chat" if told.kind is Kind.CHAT else "",
        **{"from": own_jid(told.origin, component)},
        to=native_jid(told.recipient, told.recipient_spelling),
        id=legal_attribute(item.id),
    )
    add(stanza, word[0], uri=word[1], id=legal_attribute(told.about))
    return stanza


def write_composing(told: Composing, component: Component) -> Element:
    """The chat state (COMP-6).

    :raise JidFault: when one of the addresses is no JID.
    :raise Unwritable: when the origin is not ours.
    """
    stanza = make(
        "message",
        type="chat",
        **{"from": own_jid(told.origin.address, component)},
        to=native_jid(told.target, told.target_spelling),
    )
    add(stanza, "composing" if told.active else "active", uri=NS_STATES)
    add(stanza, "no-store", uri=NS_HINTS)
    if told.conversation:
        add(stanza, "thread", legal_text(told.conversation))
    return stanza


def has_state(message: Element) -> bool:
    """Whether a message carries a chat state, so that its sender understands them (COMP-5)."""
    return any(one.uri == NS_STATES for one in children(message))
