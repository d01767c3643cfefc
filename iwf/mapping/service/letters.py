"""Texts that the service writes: answers from the service number, and what phones are told of presence.

Presence is told a phone sparingly, since each text costs and wakes somebody up (SMSP-4).
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime

from attrs import evolve

from iwf.mapping.carriers import allocated, best_of, carriers_for
from iwf.mapping.model import (
    TEL,
    Address,
    Device,
    Failure,
    Item,
    Presence,
    Show,
    WatchRequested,
    address_of_key,
)
from iwf.mapping.presence.phones import PHONES
from iwf.mapping.presence.standing import ASKED
from iwf.mapping.rows import Counter, Query, Quota, Row, Rows, Subscriber, Watch, query
from iwf.mapping.service.guards import has_opted_out, may_be_reached
from iwf.mapping.service.quotas import spent
from iwf.mapping.service.settings import DAY
from iwf.mapping.service.texts import catalogue_of, spelled_out, subscriber_of, text_item
from iwf.mapping.settings import Link
from iwf.mapping.turn import At, Decision, Turn, as_written

Writing = Generator[tuple[Query, ...], Rows, Turn]

_STATES = {Show.CHAT: "online", Show.ONLINE: "online", Show.AWAY: "away", Show.LONG_AWAY: "away",
           Show.BUSY: "busy"}


def state_word(devices: tuple[Device, ...]) -> str:
    """The name of the text for a state: that of the device that wants most to be disturbed."""
    order = list(Show)
    shows = sorted((device.show for device in devices if device.open), key=order.index)
    return _STATES[shows[0]] if shows else "offline"


# --- presence ---------------------------------------------------------------------------------

def in_texts(decision: Decision, at: At) -> Decision:
    """A decision in which what is said to phones by way of presence has become texts."""
    turn = yield from decision
    news = [item for item in (*turn.sends, *turn.latest) if item.lane.startswith(PHONES)]
    if not news:
        return turn
    turn = evolve(turn, sends=tuple(item for item in turn.sends if not item.lane.startswith(PHONES)),
                  latest=tuple(item for item in turn.latest if not item.lane.startswith(PHONES)))
    for number, item in enumerate(news):
        step = evolve(at, token=f"{at.token}.p{number}")
        turn = turn.then((yield from as_written(turn, _said(item, step))))
    return turn


def _said(item: Item, at: At) -> Writing:
    payload, tenant = item.payload, item.lane.removeprefix(PHONES)
    if isinstance(payload, WatchRequested):
        return (yield from question_to(payload.target, tenant, at))
    if isinstance(payload, Presence) and payload.legs:
        return (yield from _looked_up(payload, payload.legs[0].rpartition("|")[0], at))
    if isinstance(payload, Presence):
        return (yield from _notice(payload, tenant, at))
    return Turn()  # a grant, a refusal, an end: phones ask for those by LIST


def _notice(state: Presence, tenant: str, at: At) -> Writing:
    """SMSP-3: ``NAME is online``, from the number that stands for him."""
    contact, phone, service = state.origin.address, state.target, at.gateway.service
    if state_word(state.devices) != "online":
        return Turn()
    subscriber = yield from subscriber_of(phone, tenant)
    link = _link_to(phone, contact, tenant, subscriber, at)
    if (subscriber is None or not subscriber.online or link is None or _is_quiet(link, at)
            or (yield from has_opted_out(phone.key, contact.key, tenant))):
        return Turn(rules=("SMSP-4",))
    counted: tuple[Quota, ...] = ()
    for name, most, period in ((f"online {phone.key} {contact.key} {tenant}", 1, service.notice_gap),
                               (f"notices {phone.key} {tenant}", service.presence_budget, DAY)):
        quota = yield from spent(name, most, period, at)
        if quota is None:
            return Turn(rules=("SMSP-4",))
        counted += (quota,)
    found = yield from allocated(phone.key, contact.key, link, at)
    if isinstance(found, Failure):
        return Turn(note=f"no number for {contact.key} at {phone.key}")
    rows: tuple[Row, ...] = (found.lease, *counted)
    if found.counter is not None:
        rows += (Counter(link.pool.name, found.counter),)
    text = catalogue_of(subscriber, link, at).text("came-online", name=contact.user)
    return Turn(puts=rows, drops=found.freed, rules=("SMSP-3",),
                sends=(text_item(f"{at.token}.n", link, found.lease.number, phone, text, at),))


def _is_quiet(link: Link, at: At) -> bool:
    """SMSP-4: whether it is night where the phone is."""
    if at.gateway.service.quiet is None:
        return False
    begin, end = at.gateway.service.quiet
    there = datetime.fromtimestamp(at.now, link.time_zone)
    minute = there.hour * 60 + there.minute
    return begin <= minute < end if begin <= end else minute >= begin or minute < end


def _looked_up(state: Presence, lane: str, at: At) -> Writing:
    """The answer to WHO, over the link on which it was asked."""
    link = at.gateway.directory.links.get(lane)
    if link is None:
        return Turn()
    subscriber = yield from subscriber_of(state.target, link.tenant)
    catalogue = catalogue_of(subscriber, link, at)
    word = state_word(state.devices) if state.known else "unknown"
    text = catalogue.text("state", name=spelled_out(state.origin.address), state=catalogue.text(word))
    return Turn(sends=(text_item(f"{at.token}.w", link, link.service_number, state.target, text, at),))


# --- questions --------------------------------------------------------------------------------

def questions_to(phone: str, tenant: str) -> Generator[tuple[Query, ...], Rows, list[Watch]]:
    """Who waits for an answer of a phone, the first first."""
    rows = yield (query(Watch, presentity=phone),)
    return sorted((watch for watch in rows.all(Watch, presentity=phone)
                   if watch.tenant == tenant and watch.state == ASKED),
                  key=lambda watch: (watch.changed, watch.watcher))


def question_to(phone: Address, tenant: str, at: At) -> Writing:
    """SMSP-5: put the first open question to a phone, once; those behind it wait, so that YES and NO
    have one meaning."""
    service = at.gateway.service
    waiting = yield from questions_to(phone.key, tenant)
    if not waiting:
        return Turn()
    watcher = address_of_key(waiting[0].watcher)
    subscriber = yield from subscriber_of(phone, tenant)
    link = _link_to(phone, watcher, tenant, subscriber, at)
    if link is None:
        return Turn()
    counted: tuple[Quota, ...] = ()
    for name, most, period in ((f"question {phone.key} {watcher.key} {tenant}", 1, service.yes_window),
                               (f"questions {phone.key} {tenant}", service.presence_budget, DAY)):
        quota = yield from spent(name, most, period, at)
        if quota is None:
            return Turn(rules=("SMSP-4",))
        counted += (quota,)
    text = catalogue_of(subscriber, link, at).text("question", name=(yield from name_of(watcher, tenant)))
    return Turn(puts=counted, rules=("SMSP-5",),
                sends=(text_item(f"{at.token}.q", link, link.service_number, phone, text, at),))


def name_of(contact: Address, tenant: str) -> Generator[tuple[Query, ...], Rows, str]:
    """How somebody is called to a phone: another phone by the name it has given itself."""
    if contact.scheme == TEL:
        other = yield from subscriber_of(contact, tenant)
        if other is not None and other.name:
            return other.name
    return spelled_out(contact)


def _link_to(phone: Address, contact: Address, tenant: str, subscriber: Subscriber | None, at: At) -> Link | None:
    """The link with a service number over which something about a contact is told: the one over which
    the phone writes to us, if it may be used and is there."""
    if not may_be_reached(phone, at):
        return None
    own = subscriber.lane if subscriber is not None else ""
    links = [link for link in carriers_for(phone, contact, tenant, at.gateway) if link.service_number]
    return best_of(tuple(sorted(links, key=lambda link: link.lane != own)), at)
