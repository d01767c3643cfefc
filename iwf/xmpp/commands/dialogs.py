"""Commands step by step (XEP-0050): who is where in which, and what he may do next.  Pure.

A command is a script: a generator that yields forms to be filled in (:class:`Ask`) and work to be
done (:class:`Do`), is sent the answers and the outcome, and returns what is shown in the end.  To go
back, the script is run again from its start with one answer less; what work has done cannot be taken
back, so nobody goes back behind it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from typing import Any

from attrs import define, field, frozen

from iwf.errors import IwfError
from iwf.ids import Ids
from iwf.mapping.model import Address
from iwf.xmpp.commands.forms import Answers, Form, FormFault, check_answers

#: Seconds without a word after which a dialog is over.
LIFETIME = 600.0
#: Dialogs at a time, of all users and of one.
MOST = 1000
MOST_OF_ONE = 5
#: Dialogs that are remembered as expired, so that their users are told so.
MOST_EXPIRED = 1000


@frozen
class Ask:
    """Show a form; the answers are sent back."""

    form: Form
    fault: str = ""
    """What was wrong with the answers before."""
    is_last: bool = False
    """Its answers complete the command."""


@frozen
class Do:
    """Do something; what comes of it is sent back."""

    work: Callable[[], Any]
    """Returns the outcome, or a Deferred of it."""


@frozen
class Done:
    """The end of a script."""

    note: str = ""
    fault: str = ""
    form: Form | None = None


Script = Generator[Ask | Do, Any, Done]


@frozen
class Command:
    """One command."""

    node: str
    name: str
    script: Callable[[Address], Script]
    """Makes the script for the user that gives it."""
    for_admins: bool = False


@frozen
class Shown:
    """What the user gets to see."""

    node: str
    id: str
    status: str
    """``executing``, ``completed`` or ``canceled``."""
    form: Form | None = None
    note: str = ""
    fault: str = ""
    actions: tuple[str, ...] = ()
    """What he may do; the last is what he does by default."""


@frozen
class Working:
    """What has to be done before he gets to see anything; its outcome goes to :meth:`Dialogs.performed`."""

    id: str
    work: Callable[[], Any]


Step = Shown | Working


class DialogFault(IwfError):
    """A step that cannot be taken; the text is the condition of XEP-0050 section 4.4."""


class Unknown(IwfError):
    """There is no such command."""


class Forbidden(IwfError):
    """The command is not for this user."""


class TooMany(IwfError):
    """The user, or all users together, have too many dialogs."""


@define(eq=False)
class _Dialog:
    id: str
    command: Command
    user: Address
    until: float
    script: Script
    ask: Ask | None = None
    """What he sees; None while there is work."""
    answers: list[Answers] = field(factory=list)
    has_worked: bool = False
    """Something was done, which cannot be taken back."""


class Dialogs:
    """All dialogs of one component.

    :param commands: in the order in which they are listed.
    :param admins: keys of the bare addresses of administrators.
    """

    def __init__(self, commands: tuple[Command, ...], admins: frozenset[str], ids: Ids) -> None:
        self._commands: Mapping[str, Command] = {command.node: command for command in commands}
        self._admins = admins
        self._ids = ids
        self._dialogs: OrderedDict[str, _Dialog] = OrderedDict()  # the one that expires next comes first
        self._expired: OrderedDict[str, None] = OrderedDict()

    def commands_for(self, user: Address) -> tuple[Command, ...]:
        """What a user may give."""
        return tuple(command for command in self._commands.values()
                     if not command.for_admins or user.key in self._admins)

    def command(self, node: str) -> Command | None:
        """The command of a node."""
        return self._commands.get(node)

    def execute(self, node: str, user: Address, now: float) -> Step:
        """A user gives a command.

        :param user: full, since the dialog is his device's.
        :raises Unknown, Forbidden, TooMany:
        """
        self._expire(now)
        command = self._commands.get(node)
        if command is None:
            raise Unknown(node)
        if command not in self.commands_for(user):
            raise Forbidden(node)
        mine = sum(one.user.key == user.key for one in self._dialogs.values())
        if len(self._dialogs) >= MOST or mine >= MOST_OF_ONE:
            raise TooMany(node)
        dialog = _Dialog(self._ids.token(), command, user, now + LIFETIME, command.script(user.bare()))
        self._dialogs[dialog.id] = dialog
        return self._advance(dialog, None)

    def go_on(self, id: str, node: str, user: Address, action: str, answers: Answers, now: float) -> Step:
        """A user takes the next step.

        :param action: as the stanza has it; empty for the default.
        :raises DialogFault: when there is no such step.
        """
        self._expire(now)
        dialog = self._dialogs.get(id)
        if dialog is None or dialog.user != user or dialog.command.node != node:
            # Whose it was does not matter: nobody else can know the id.
            raise DialogFault("session-expired" if id in self._expired else "bad-sessionid")
        if dialog.ask is None:
            raise DialogFault("bad-action")  # there is work under way
        dialog.until = now + LIFETIME
        self._dialogs.move_to_end(id)
        allowed = _actions(dialog)
        if action == "cancel":
            return self._cancel(dialog)
        action = allowed[-1] if action in ("", "execute") else action
        if action not in allowed:
            raise DialogFault("bad-action")
        if action == "prev":
            return self._back(dialog)
        try:
            check_answers(dialog.ask.form, answers)
        except FormFault as fault:
            return self._shown(dialog, str(fault))
        dialog.answers.append(answers)
        return self._advance(dialog, answers)

    def performed(self, id: str, outcome: Any) -> Step | None:
        """The work of a dialog is done; None when nobody waits for it any more."""
        dialog = self._dialogs.get(id)
        if dialog is None:
            return None
        dialog.has_worked = True
        return self._advance(dialog, outcome)

    def _advance(self, dialog: _Dialog, sent: Any) -> Step:
        try:
            step = dialog.script.send(sent)
        except StopIteration as stop:
            done: Done = stop.value
            del self._dialogs[dialog.id]
            return Shown(dialog.command.node, dialog.id, "completed", done.form, done.note, done.fault)
        except BaseException:
            self._dialogs.pop(dialog.id, None)
            raise
        if isinstance(step, Do):
            dialog.ask = None
            return Working(dialog.id, step.work)
        dialog.ask = step
        return self._shown(dialog, step.fault)

    def _back(self, dialog: _Dialog) -> Step:
        dialog.answers.pop()
        again = dialog.answers
        dialog.script.close()
        dialog.script = dialog.command.script(dialog.user.bare())
        dialog.answers = []
        step = self._advance(dialog, None)
        for answers in again:
            dialog.answers.append(answers)
            step = self._advance(dialog, answers)
        return step

    def _cancel(self, dialog: _Dialog) -> Step:
        dialog.script.close()
        del self._dialogs[dialog.id]
        return Shown(dialog.command.node, dialog.id, "canceled")

    def _shown(self, dialog: _Dialog, fault: str) -> Shown:
        assert dialog.ask is not None
        return Shown(dialog.command.node, dialog.id, "executing", dialog.ask.form, fault=fault,
                     actions=_actions(dialog))

    def _expire(self, now: float) -> None:
        while self._dialogs:
            dialog = next(iter(self._dialogs.values()))
            if now < dialog.until:
                return
            del self._dialogs[dialog.id]
            dialog.script.close()
            self._expired[dialog.id] = None
            if len(self._expired) > MOST_EXPIRED:
                self._expired.popitem(last=False)


def _actions(dialog: _Dialog) -> tuple[str, ...]:
    assert dialog.ask is not None
    forth = "complete" if dialog.ask.is_last else "next"
    return ("prev", forth) if dialog.answers and not dialog.has_worked else (forth,)
