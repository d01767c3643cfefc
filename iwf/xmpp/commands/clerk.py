"""Takes commands off a component's stream and answers them (shell; XEP-0050, XMPP-33)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure as Fault
from twisted.words.xish.domish import Element

from iwf.mapping.model import Address, Failure, Reason
from iwf.xmpp.commands.dialogs import DialogFault, Dialogs, Forbidden, Step, TooMany, Unknown, Working
from iwf.xmpp.commands.forms import FormFault, read_answers
from iwf.xmpp.commands.writing import NS_COMMANDS, add_shown, describe, fault_reply, list_commands
from iwf.xmpp.disco import NS_INFO, NS_ITEMS
from iwf.xmpp.elements import Component, attribute, child, octets_of, reply
from iwf.xmpp.jid import JidFault, address_of_jid
from iwf.xmpp.reasons import error_reply


class Clerk:
    """Commands of one component.

    :param write: takes stanzas.
    """

    _log = Logger()

    def __init__(self, component: Component, dialogs: Dialogs, clock: IReactorTime,
                 write: Callable[[bytes], None]) -> None:
        self._component = component
        self._dialogs = dialogs
        self._clock = clock
        self._write = write

    def takes(self, iq: Element) -> bool:
        """Whether an iq is about commands; then it is answered here."""
        type = attribute(iq, "type")
        if type not in ("get", "set"):
            return False
        command = child(iq, "command", NS_COMMANDS)
        info, items = child(iq, "query", NS_INFO), child(iq, "query", NS_ITEMS)
        asked = info if info is not None else items
        is_ours = (type == "set" and command is not None
                   or type == "get" and asked is not None and self._is_node(attribute(asked, "node")))
        if not is_ours:
            return False
        try:
            user, target = address_of_jid(attribute(iq, "from")), address_of_jid(attribute(iq, "to"))
        except JidFault:
            return False  # is told so by whoever reads all others
        if target.user or target.domain != self._component.domain or user.domain in self._component.ours:
            return False
        if command is not None and type == "set":
            self._command(iq, command, user)
        elif asked is not None:
            self._describe(iq, asked, user)
        return True

    def _is_node(self, node: str) -> bool:
        return node == NS_COMMANDS or self._dialogs.command(node) is not None

    def _describe(self, iq: Element, asked: Element, user: Address) -> None:
        node = attribute(asked, "node")
        commands = self._dialogs.commands_for(user)
        if node == NS_COMMANDS and asked.uri == NS_ITEMS:
            self._write(octets_of(list_commands(iq, self._component, commands)))
            return
        command = self._dialogs.command(node)
        if command is not None and command not in commands:
            self._refuse(iq, Reason.FORBIDDEN)
        elif asked.uri == NS_ITEMS:
            self._write(octets_of(list_commands(iq, self._component, ())))
        else:
            self._write(octets_of(describe(iq, self._component, node, command)))

    def _command(self, iq: Element, command: Element, user: Address) -> None:
        node, id, action = (attribute(command, name) for name in ("node", "sessionid", "action"))
        now = self._clock.seconds()
        try:
            if id:
                answers = {} if action in ("cancel", "prev") else read_answers(command)
                step = self._dialogs.go_on(id, node, user, action, answers, now)
            elif action in ("", "execute"):
                step = self._dialogs.execute(node, user, now)
            elif action in ("cancel", "complete", "next", "prev"):
                raise DialogFault("bad-sessionid")
            else:
                raise DialogFault("malformed-action")
        except DialogFault as fault:
            self._write(octets_of(fault_reply(iq, self._component, str(fault))))
        except FormFault:
            self._write(octets_of(fault_reply(iq, self._component, "bad-payload")))
        except Unknown:
            self._refuse(iq, Reason.UNKNOWN_RECIPIENT)
        except Forbidden:
            self._refuse(iq, Reason.FORBIDDEN)
        except TooMany:
            self._refuse(iq, Reason.CONGESTED)
        else:
            self._take(iq, step)

    def _take(self, iq: Element, step: Step | None) -> None:
        if isinstance(step, Working):
            done = maybeDeferred(step.work)
            done.addCallback(partial(self._performed, iq, step.id))
            done.addErrback(partial(self._broken, iq))
        elif step is not None:
            answer = reply(iq, self._component, "result")
            add_shown(answer, step)
            self._write(octets_of(answer))

    def _performed(self, iq: Element, id: str, outcome: Any) -> None:
        step = self._dialogs.performed(id, outcome)
        if step is None:
            self._write(octets_of(fault_reply(iq, self._component, "session-expired")))
        self._take(iq, step)

    def _broken(self, iq: Element, fault: Fault) -> None:
        self._log.failure("A command could not be done", fault)
        self._refuse(iq, Reason.INTERNAL)

    def _refuse(self, iq: Element, reason: Reason) -> None:
        self._write(octets_of(error_reply(iq, self._component, Failure(reason))))
