"""Commands on the wire (XEP-0050).  Pure."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.words.xish.domish import Element

from iwf.xmpp.commands.dialogs import Command, Shown
from iwf.xmpp.commands.forms import NS_DATA, add_form
from iwf.xmpp.disco import NS_COMMANDS, NS_INFO, NS_ITEMS
from iwf.xmpp.elements import Component, add, legal_attribute, legal_text, reply
from iwf.xmpp.reasons import NS_STANZAS

__all__ = ["NS_COMMANDS", "add_shown", "describe", "fault_reply", "list_commands"]

# Section 4.4: the general condition and type that go with each condition of commands.
_GENERAL = {
    "bad-action": ("bad-request", "modify"),
    "bad-payload": ("bad-request", "modify"),
    "bad-sessionid": ("bad-request", "modify"),
    "malformed-action": ("bad-request", "modify"),
    "session-expired": ("not-allowed", "cancel"),
}


def list_commands(iq: Element, component: Component, commands: Iterable[Command]) -> Element:
    """The answer that lists commands (section 2.2)."""
    answer = reply(iq, component, "result")
    query = add(answer, "query", uri=NS_ITEMS, node=NS_COMMANDS)
    for command in commands:
        add(query, "item", jid=component.spelling, node=command.node, name=command.name)
    return answer


def describe(iq: Element, component: Component, node: str, command: Command | None) -> Element:
    """The answer that describes a command, or the list of them (section 2.3)."""
    answer = reply(iq, component, "result")
    query = add(answer, "query", uri=NS_INFO, node=legal_attribute(node))
    if command is None:
        add(query, "identity", category="automation", type="command-list", name="Commands")
        return answer
    add(query, "identity", category="automation", type="command-node", name=command.name)
    add(query, "feature", var=NS_COMMANDS)
    add(query, "feature", var=NS_DATA)
    return answer


def add_shown(answer: Element, shown: Shown) -> None:
    """What a user gets to see."""
    command = add(answer, "command", uri=NS_COMMANDS, node=shown.node, sessionid=shown.id, status=shown.status)
    if shown.actions:
        actions = add(command, "actions", execute=shown.actions[-1])
        for action in shown.actions:
            add(actions, action)
    if shown.note:
        add(command, "note", legal_text(shown.note), type="info")
    if shown.fault:
        add(command, "note", legal_text(shown.fault), type="error" if shown.status == "completed" else "warn")
    if shown.form is not None:
        add_form(command, shown.form)


def fault_reply(iq: Element, component: Component, condition: str) -> Element:
    """The error for a step that cannot be taken (section 4.4)."""
    general, type = _GENERAL[condition]
    answer = reply(iq, component, "error")
    error = add(answer, "error", type=type, by=component.spelling)
    add(error, general, uri=NS_STANZAS)
    add(error, condition, uri=NS_COMMANDS)
    return answer
