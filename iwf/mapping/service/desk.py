"""The desk at the service number: each command and its answer (SMSP-1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from attrs import evolve

from iwf.mapping.model import Address, Failure
from iwf.mapping.phone import named_contact
from iwf.mapping.presence.standing import GRANTED
from iwf.mapping.rows import Subscriber
from iwf.mapping.service import contacts
from iwf.mapping.service.caller import Caller
from iwf.mapping.service.catalogue import Word
from iwf.mapping.service.commands import Command
from iwf.mapping.service.letters import name_of, question_to
from iwf.mapping.service.opting import started, stopped
from iwf.mapping.service.quotas import spent
from iwf.mapping.service.texts import spelled_out
from iwf.mapping.turn import At, Decision, Turn, as_written

#: Characters of a name and of a status that are kept.
MOST_NAME, MOST_STATUS = 40, 120

#: Characters of a list: three short messages, since each costs.
MOST_LIST = 400

Obeying = Callable[[str, Caller, At], Decision]


def obeyed(command: Command, caller: Caller, at: At) -> Decision:
    """The turn that does what a command says, with its answer; without a verdict."""
    return _COMMANDS[command.word](command.rest, caller, at)


def helped(caller: Caller, at: At) -> Decision:
    """HELP for who writes what is no command; once an hour, so that two machines do not talk for ever."""
    quota = yield from spent(f"help {caller.phone.key} {caller.link.tenant}", 1, at.gateway.service.notice_gap, at)
    return Turn() if quota is None else Turn(puts=(quota,)) + caller.told("help", at)


def _help(rest: str, caller: Caller, at: At) -> Decision:
    return caller.told("help", at)
    yield ()


def _to(rest: str, caller: Caller, at: At) -> Decision:
    """TO to nobody, or without a text; all others are messages and do not come here."""
    contact = _named(rest, caller, at)
    return contact if isinstance(contact, Turn) else caller.told("help", at)
    yield ()


# --- the session ------------------------------------------------------------------------------

def _login(rest: str, caller: Caller, at: At) -> Decision:
    """SMSP-2: the phone is seen from now on; the name is for phones that it asks."""
    row = evolve(caller.subscriber, registered=True, online=True, reachable=True,
                 name=" ".join(rest.split())[:MOST_NAME] or caller.subscriber.name,
                 changed=caller.subscriber.changed if caller.subscriber.online else at.now,
                 due=at.now + at.gateway.service.session_idle)
    turn = caller.told("logged-in", at).then((yield from contacts.came_online(row, at)))
    step = evolve(at, token=f"{at.token}.q")
    return turn.then((yield from as_written(turn, question_to(caller.phone, row.tenant, step))))


def _logout(rest: str, caller: Caller, at: At) -> Decision:
    turn = caller.told("logged-out", at)
    if not caller.subscriber.online:
        return turn
    return turn.then((yield from contacts.went_offline(offline(caller.subscriber, at), at)))


def offline(subscriber: Subscriber, at: At) -> Subscriber:
    """The row of a phone after its session."""
    return evolve(subscriber, online=False, changed=at.now, due=None)


def _status(rest: str, caller: Caller, at: At) -> Decision:
    """A status is shown while the phone is logged in; without a text it is the usual one again."""
    row = evolve(caller.subscriber, status=" ".join(rest.split())[:MOST_STATUS])
    turn = Turn(puts=(row,)) + caller.told("status-set", at, status=row.status)
    if not row.online:
        return turn
    return turn.then((yield from as_written(turn, contacts.seen_anew(row, at))))


def _language(rest: str, caller: Caller, at: At) -> Decision:
    service = at.gateway.service
    tag = rest.split()[0].lower() if rest else ""
    if tag.partition("-")[0] not in service.languages and tag not in service.languages:
        return caller.told("language-unknown", at, languages=", ".join(service.languages).upper())
    now = evolve(caller, subscriber=evolve(caller.subscriber, language=tag), catalogue=service.catalogue(tag))
    return Turn(puts=(now.subscriber,)) + now.told("language-set", at)
    yield ()


# --- the list ---------------------------------------------------------------------------------

def _named(rest: str, caller: Caller, at: At) -> Address | Turn:
    """The contact that a command names, or the answer when it names none."""
    if not rest:
        return caller.told("help", at)
    contact = named_contact(rest.split()[0], caller.link.tenant, at.gateway)
    if contact is None:
        return caller.told("bad-address", at, address=rest.split()[0][:MOST_NAME])
    return contact


def _add(rest: str, caller: Caller, at: At) -> Decision:
    contact = _named(rest, caller, at)
    if isinstance(contact, Turn):
        return contact
    name = spelled_out(contact)
    added = yield from contacts.added(caller.phone, contact, caller.link.tenant, caller.subscriber.online, at)
    if isinstance(added, Failure):
        return caller.told("state", at, name=name, state=caller.catalogue.text("refused"))
    return added.turn + caller.told("added" if added.state == GRANTED else "asked", at, name=name)


def _del(rest: str, caller: Caller, at: At) -> Decision:
    contact = _named(rest, caller, at)
    if isinstance(contact, Turn):
        return contact
    turn = yield from contacts.deleted(caller.phone, contact, caller.link.tenant, at)
    if turn is None:
        return caller.told("not-listed", at, name=spelled_out(contact))
    return turn + caller.told("deleted", at, name=spelled_out(contact))


def _list(rest: str, caller: Caller, at: At) -> Decision:
    listed = yield from contacts.listed(caller.phone.key, caller.link.tenant, at)
    if not listed:
        return caller.told("list-empty", at)
    entries = ", ".join(f"{spelled_out(contact)} ({caller.catalogue.text(word)})" for contact, word in listed)
    if len(entries) > MOST_LIST:
        entries = f"{entries[:MOST_LIST - 4]} ..."
    return caller.told("list", at, entries=entries)


def _who(rest: str, caller: Caller, at: At) -> Decision:
    contact = _named(rest, caller, at)
    if isinstance(contact, Turn):
        return contact
    found = yield from contacts.looked_up(caller.phone, contact, caller.link.tenant, caller.link.lane, at)
    if isinstance(found, Turn):
        return found
    name = spelled_out(contact)
    if found == "not-listed":
        return caller.told(found, at, name=name)
    return caller.told("state", at, name=name, state=caller.catalogue.text(found))


# --- questions and opt-out --------------------------------------------------------------------

def _yes(rest: str, caller: Caller, at: At) -> Decision:
    return _answered(True, caller, at)


def _no(rest: str, caller: Caller, at: At) -> Decision:
    return _answered(False, caller, at)


def _answered(yes: bool, caller: Caller, at: At) -> Decision:
    """SMSP-5; the next question follows at once."""
    tenant = caller.link.tenant
    found = yield from contacts.answered(caller.phone.key, tenant, yes, at)
    if found is None:
        return caller.told("no-question", at)
    watcher, turn = found
    name = yield from name_of(watcher, tenant)
    turn += caller.told("allowed" if yes else "denied", at, name=name)
    step = evolve(at, token=f"{at.token}.q")
    return turn.then((yield from as_written(turn, question_to(caller.phone, tenant, step))))


def _stop(rest: str, caller: Caller, at: At) -> Decision:
    """SMS-74: also where the address is no good it is honoured, for everybody."""
    contact = named_contact(rest.split()[0], caller.link.tenant, at.gateway) if rest else None
    return stopped(caller, "" if contact is None else contact.key, at)


def _start(rest: str, caller: Caller, at: At) -> Decision:
    contact = named_contact(rest.split()[0], caller.link.tenant, at.gateway) if rest else None
    return started(caller, "" if contact is None else contact.key, at)


_COMMANDS: Mapping[Word, Obeying] = MappingProxyType({
    Word.LOGIN: _login, Word.LOGOUT: _logout, Word.STATUS: _status, Word.ADD: _add, Word.DEL: _del,
    Word.LIST: _list, Word.WHO: _who, Word.TO: _to, Word.HELP: _help, Word.STOP: _stop, Word.START: _start,
    Word.YES: _yes, Word.NO: _no, Word.LANGUAGE: _language,
})
