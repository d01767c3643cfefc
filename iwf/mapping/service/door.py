"""The door for texts from phones: commands are answered, all else goes its way (SMS-60, SMSP-1)."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.address import canonical
from iwf.mapping.message import decide_message
from iwf.mapping.model import Failure, Message, Taken, Want
from iwf.mapping.phone import is_service_number, named_contact, writer_of
from iwf.mapping.presence.watchers import with_watchers_told
from iwf.mapping.rows import OptOut, query
from iwf.mapping.service.caller import Caller, caller_of, kept_alive
from iwf.mapping.service.catalogue import Word
from iwf.mapping.service.commands import Command, addressed, command_of, is_start, is_stop, without_prefix
from iwf.mapping.service.desk import helped, obeyed
from iwf.mapping.service.opting import lifted, opted_out
from iwf.mapping.settings import Link
from iwf.mapping.turn import At, Decision, Turn, refuse


def decide_text(message: Message, at: At) -> Decision:
    """The decision for a message; the door to :func:`~iwf.mapping.message.decide_message`."""
    link = at.gateway.directory.links.get(message.lane)
    return decide_message(message, at) if link is None else _from_phone(message, link, at)


def _from_phone(message: Message, link: Link, at: At) -> Decision:
    message = _asking_for_receipt(message, at)
    turn = yield from _decided(message, link, at)
    return turn + (yield from kept_alive(message, link, turn, at))


def _asking_for_receipt(message: Message, at: At) -> Message:
    """A phone may ask for a receipt by the beginning of its text."""
    text = without_prefix(message.text, at.gateway.service)
    if not text:
        return message
    bodies = (evolve(message.bodies[0], text=text), *message.bodies[1:])
    return evolve(message, bodies=bodies, wants=message.wants | {Want.DELIVERED})


def _decided(message: Message, link: Link, at: At) -> Decision:
    text, service = message.text, at.gateway.service
    number = canonical(message.target, at.gateway)
    at_service = is_service_number(number, link)
    if not at_service and not is_stop(text, service) and not is_start(text, service):
        return (yield from decide_message(message, at))
    command = command_of(text, service) if at_service else None
    if command is not None and command.word is Word.TO and _is_message(command, link, at):
        return (yield from decide_message(message, at))
    origin = writer_of(message, link, at)
    if isinstance(origin, Failure):
        return refuse(origin, f"{message.origin.address.key} -> {message.target.key}", ("SMS-60",))
    if isinstance(origin, Turn):
        return origin
    caller = yield from caller_of(origin.address, link, number.user, at)
    if at_service:
        return (yield from with_watchers_told(_served(command, caller, at), at))
    return (yield from _at_other_number(message, caller, at))


def _is_message(command: Command, link: Link, at: At) -> bool:
    """Whether TO is a message to somebody; else it is answered why not."""
    found = addressed(command.rest)
    return found is not None and named_contact(found[0], link.tenant, at.gateway) is not None


def _served(command: Command | None, caller: Caller, at: At) -> Decision:
    """A text to the service number that is no message to anybody."""
    turn = yield from (helped(caller, at) if command is None else obeyed(command, caller, at))
    what = "no command" if command is None else command.word.name
    return Turn(Taken(""), rules=("SMSP-1",), note=f"{caller.phone.key} -> service: {what}") + turn


def _at_other_number(message: Message, caller: Caller, at: At) -> Decision:
    """STOP and START at a number that stands for a contact mean that contact (SMS-61, SMS-74)."""
    if is_stop(message.text, at.gateway.service):
        turn = yield from opted_out(caller, at)
    else:
        phone, tenant = caller.phone.key, caller.link.tenant
        rows = yield (query(OptOut, phone=phone, tenant=tenant),)
        if not rows.all(OptOut, phone=phone, tenant=tenant):
            return (yield from decide_message(message, at))  # he means the word
        turn = yield from lifted(caller, at)
    return Turn(Taken(""), rules=("SMS-61", "SMS-74"), note=f"{caller.phone.key} -> {caller.number}: opt-out") + turn
