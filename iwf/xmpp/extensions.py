"""What a message carries besides its addresses: one pass over the children.  Pure.

Whatever has no row here is discarded without error (MSG-17).
"""

from __future__ import annotations

import re
from typing import cast

from attrs import Factory, define
from twisted.words.xish.domish import Element

from iwf.mapping.model import Body, Outcome, Want
from iwf.xmpp.elements import LANG, NS_COMPONENT, attribute, child, children, text_of
from iwf.xmpp.times import seconds_of_stamp
from iwf.xmpp.xhtml import NS_XHTML_IM

NS_DELAY = "urn:xmpp:delay"
NS_LEGACY_DELAY = "jabber:x:delay"
NS_IDLE = "urn:xmpp:idle:1"
NS_NICK = "http://jabber.org/protocol/nick"
NS_OOB = "jabber:x:oob"
NS_SHIM = "http://jabber.org/protocol/shim"
NS_AMP = "http://jabber.org/protocol/amp"
NS_EXPIRE = "jabber:x:expire"
NS_CORRECT = "urn:xmpp:message-correct:0"
NS_STANZA_ID = "urn:xmpp:sid:0"
NS_RECEIPTS = "urn:xmpp:receipts"
NS_MARKERS = "urn:xmpp:chat-markers:0"
NS_STATES = "http://jabber.org/protocol/chatstates"
NS_HINTS = "urn:xmpp:hints"
NS_MOOD = "http://jabber.org/protocol/mood"
NS_ACTIVITY = "http://jabber.org/protocol/activity"
NS_TUNE = "http://jabber.org/protocol/tune"
NS_PLACE = "http://jabber.org/protocol/geoloc"

_ENCRYPTIONS = frozenset({
    ("eu.siacs.conversations.axolotl", "encrypted"),
    ("urn:xmpp:omemo:1", "encrypted"),
    ("urn:xmpp:omemo:2", "encrypted"),
    ("urn:xmpp:openpgp:0", "openpgp"),
    ("jabber:x:encrypted", "x"),
    ("urn:xmpp:eme:0", "encryption"),
    ("urn:ietf:params:xml:ns:xmpp-e2e", "e2e"),
})  # fmt: skip

_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,8}")
_URGENCIES = {"high": 1, "medium": 0, "low": -1}
_SPACES = re.compile(r"\s+")
_MOST_HOPS = 255
_LONGEST_LIFE = 10 * 365 * 86400
_LONGEST_NICK = 256


@define
class Content:
    """What the children of a message said."""

    language: str = ""
    """Of the stanza (MSG-16)."""
    bodies: list[Body] = Factory(list)
    subjects: list[Body] = Factory(list)
    thread: str = ""
    nick: str = ""
    url: str = ""
    origin_id: str = ""
    encrypted: bool = False
    corrects: bool = False
    html: Element | None = None
    """The text with markup, unread (XEP-0071)."""
    sent_at: float | None = None
    max_forwards: int | None = None
    urgency: int = 0
    expires_at: float | None = None
    lifetime: float | None = None
    """Seconds from the sending (jabber:x:expire)."""
    wants: set[Want] = Factory(set)
    receipt: tuple[Outcome, str] | None = None
    """What became of a message of ours, and its id."""
    state: str = ""
    """The chat state (XEP-0085)."""


def content_of(message: Element) -> Content:
    """Gather what a message stanza carries.  Never raises."""
    content = Content(language=language_of(message))
    for one in children(message):
        uri, name = one.uri, one.name
        if uri == NS_COMPONENT:
            if name == "body":
                _add_text(content.bodies, one, content.language)
            elif name == "subject":
                _add_text(content.subjects, one, content.language)
            elif name == "thread":
                content.thread = content.thread or text_of(one)
        elif (uri, name) in _ENCRYPTIONS:
            content.encrypted = True
        else:
            reader = _READERS.get((uri, name))
            if reader is not None:
                reader(content, one)
    return content


def language_of(element: Element) -> str:
    """The value of ``xml:lang``; empty for what is no language tag (MSG-16)."""
    return valid_language(cast(str, element.attributes.get(LANG, "")))


def valid_language(tag: str) -> str:
    """The tag itself, or empty for what is no language tag (MSG-16)."""
    return tag if _LANGUAGE.fullmatch(tag) else ""


def preferred_first(texts: list[Body], language: str) -> tuple[Body, ...]:
    """MSG-10: the text in the language of the stanza, else the one without, else the first."""
    if len(texts) < 2:
        return tuple(texts)

    def rank(body: Body) -> int:
        if body.language == language:
            return 0
        return 2 if body.language else 1

    return tuple(sorted(texts, key=rank))


def _add_text(texts: list[Body], element: Element, inherited: str) -> None:
    text = text_of(element)
    if text:
        texts.append(Body(text, language_of(element) or inherited))


def _read_nick(content: Content, element: Element) -> None:
    nick = _SPACES.sub(" ", text_of(element)).strip()
    content.nick = content.nick or "".join(filter(str.isprintable, nick))[:_LONGEST_NICK]


def _read_delay(content: Content, element: Element) -> None:
    # MSG-20.  A message that was delayed twice was sent at the earlier time.
    stamp = seconds_of_stamp(attribute(element, "stamp"))
    if stamp is not None:
        content.sent_at = stamp if content.sent_at is None else min(stamp, content.sent_at)


def _read_oob(content: Content, element: Element) -> None:
    url = child(element, "url", NS_OOB)
    if url is not None:
        text = text_of(url).strip()
        content.url = content.url or ("" if _SPACES.search(text) else text)


def _read_shim(content: Content, element: Element) -> None:
    for header in children(element):
        if header.uri == NS_SHIM and header.name == "header":
            name, value = attribute(header, "name").lower(), text_of(header).strip()
            if name == "max-forwards" and len(value) < 6 and value.isascii() and value.isdigit():
                content.max_forwards = min(int(value), _MOST_HOPS)
            elif name == "urgency":
                content.urgency = _URGENCIES.get(value.lower(), 0)


def _read_amp(content: Content, element: Element) -> None:
    # MSG-42: drop, error and alert all end the message's life; notify does not.
    for rule in children(element):
        if (
            attribute(rule, "condition") == "expire-at"
            and attribute(rule, "action") in ("drop", "error", "alert")
        ):  # fmt: skip
            content.expires_at = seconds_of_stamp(attribute(rule, "value"))


def _read_expire(content: Content, element: Element) -> None:
    seconds = attribute(element, "seconds")
    if seconds.isascii() and seconds.isdigit() and len(seconds) < 12:
        content.lifetime = float(min(int(seconds), _LONGEST_LIFE))


def _read_correction(content: Content, element: Element) -> None:
    content.corrects = True


def _read_html(content: Content, element: Element) -> None:
    content.html = content.html or element


def _read_origin_id(content: Content, element: Element) -> None:
    content.origin_id = content.origin_id or attribute(element, "id")


def _read_request(content: Content, element: Element) -> None:
    content.wants.add(Want.DELIVERED)


def _read_markable(content: Content, element: Element) -> None:
    content.wants.add(Want.DISPLAYED)


def _read_received(content: Content, element: Element) -> None:
    content.receipt = content.receipt or (Outcome.DELIVERED, attribute(element, "id"))


def _read_displayed(content: Content, element: Element) -> None:
    content.receipt = content.receipt or (Outcome.DISPLAYED, attribute(element, "id"))


def _read_state(content: Content, element: Element) -> None:
    content.state = content.state or element.name


_READERS = {
    (NS_NICK, "nick"): _read_nick,
    (NS_DELAY, "delay"): _read_delay,
    (NS_LEGACY_DELAY, "x"): _read_delay,
    (NS_OOB, "x"): _read_oob,
    (NS_SHIM, "headers"): _read_shim,
    (NS_AMP, "amp"): _read_amp,
    (NS_EXPIRE, "x"): _read_expire,
    (NS_CORRECT, "replace"): _read_correction,
    (NS_XHTML_IM, "html"): _read_html,
    (NS_STANZA_ID, "origin-id"): _read_origin_id,
    (NS_RECEIPTS, "request"): _read_request,
    (NS_RECEIPTS, "received"): _read_received,
    (NS_MARKERS, "markable"): _read_markable,
    (NS_MARKERS, "displayed"): _read_displayed,
    # RCPT-10: words of older versions.
    (NS_MARKERS, "received"): _read_received,
    (NS_MARKERS, "acknowledged"): _read_displayed,
    (NS_STATES, "active"): _read_state,
    (NS_STATES, "composing"): _read_state,
    (NS_STATES, "paused"): _read_state,
    (NS_STATES, "inactive"): _read_state,
    (NS_STATES, "gone"): _read_state,
}
