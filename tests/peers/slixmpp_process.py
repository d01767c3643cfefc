"""A slixmpp client in a process of its own, for asyncio and Twisted do not share one well.

``slixmpp_process.py PORT JID`` with the password as the first line of standard input; after it,
orders as JSON lines with the key ``do``.  Events are JSON lines with the key ``event`` on standard
output.  tests/peers/slixmpp_client.py is the other end.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream import ET

HOST = "127.0.0.1"
PLUGINS = ("xep_0004", "xep_0030", "xep_0050", "xep_0060", "xep_0085", "xep_0184", "xep_0199", "xep_0203", "xep_0333")


def report(event: str, **details: Any) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


class Client(slixmpp.ClientXMPP):
    """An ordinary user: presence, roster, receipts on request."""

    def __init__(self, jid: str, password: str) -> None:
        super().__init__(jid, password)
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self.plugin["xep_0184"].auto_ack = True
        # Subscription requests are reported, and answered by order only.
        self.auto_authorize = None
        self.auto_subscribe = False
        # Loopback, and a server without a certificate.
        self.enable_starttls = False
        self.enable_direct_tls = False
        self.enable_plaintext = True
        self.plugin["feature_mechanisms"].unencrypted_plain = True
        # Without TLS, ejabberd 24 and slixmpp do not agree on what SCRAM says about channel binding.
        self.plugin["feature_mechanisms"].use_mech = "PLAIN"
        self.add_event_handler("session_start", self.session_started)
        self.add_event_handler("failed_auth", lambda _: report("failed_auth"))
        self.add_event_handler(
            "disconnected", lambda reason: report("disconnected", reason=str(reason))
        )
        self.add_event_handler("message", self.message_received)
        self.add_event_handler("message_error", self.error_received)
        self.add_event_handler("receipt_received", self.receipt_received)
        self.add_event_handler("chatstate", self.chat_state_received)
        self.add_event_handler("presence", self.presence_received)
        self.add_event_handler("pubsub_publish", self.personal_event_received)
        self.add_event_handler("roster_update", self.roster_changed)

    async def session_started(self, _: Any) -> None:
        self.send_presence()
        await self.get_roster()
        report("session", jid=str(self.boundjid))

    def message_received(self, message: Any) -> None:
        if message["type"] == "error":
            return
        report("message", **described(message))

    def error_received(self, message: Any) -> None:
        error = message["error"]
        report(
            "error",
            **described(message),
            condition=error["condition"],
            error_type=error["type"],
            error_text=error["text"],
        )

    def receipt_received(self, message: Any) -> None:
        report("receipt", **{"from": str(message["from"]), "id": message["receipt"]})

    def chat_state_received(self, message: Any) -> None:
        report("chat_state", **{"from": str(message["from"]), "state": message["chat_state"]})

    def presence_received(self, presence: Any) -> None:
        details = {
            "from": str(presence["from"]),
            "type": presence["type"],
            "status": presence["status"],
        }
        if presence["type"] == "error":
            details["condition"] = presence["error"]["condition"]
        report("presence", **details, xml=str(presence))

    def personal_event_received(self, message: Any) -> None:
        report("personal_event", **{"from": str(message["from"]), "xml": str(message)})

    def roster_changed(self, _: Any) -> None:
        roster = self.client_roster
        report("roster", contacts={jid: roster[jid]["subscription"] for jid in roster.keys()})

    async def obey(self, order: dict[str, Any]) -> None:
        await getattr(self, f"do_{order.pop('do')}")(order)

    async def do_send(self, order: dict[str, Any]) -> None:
        message = self.make_message(
            order["to"], order.get("body"), order.get("subject"), order["type"]
        )
        message["id"] = order["id"]
        if order.get("thread"):
            message["thread"] = order["thread"]
        if order.get("receipt"):
            message["request_receipt"] = True
        for element in order.get("extensions", ()):
            message.xml.append(ET.fromstring(element))
        message.send()

    async def do_presence(self, order: dict[str, Any]) -> None:
        self.send_presence(
            pto=order.get("to"),
            ptype=order.get("type"),
            pshow=order.get("show"),
            pstatus=order.get("status"),
        )

    async def do_raw(self, order: dict[str, Any]) -> None:
        self.send_raw(order["xml"])

    async def do_disco_info(self, order: dict[str, Any]) -> None:
        await self.ask(
            order, self.plugin["xep_0030"].get_info(jid=order["jid"], timeout=order["timeout"])
        )

    async def do_ping(self, order: dict[str, Any]) -> None:
        await self.ask(
            order, self.plugin["xep_0199"].send_ping(order["jid"], timeout=order["timeout"])
        )

    async def do_command(self, order: dict[str, Any]) -> None:
        """One step of a command (XEP-0050); ``values`` are filled into a form (XEP-0004)."""
        form = self.plugin["xep_0004"].make_form(ftype="submit")
        for var, value in (order.get("values") or {}).items():
            form.add_field(var=var, value=value)
        try:
            iq = await self.plugin["xep_0050"].send_command(
                order["jid"], order["node"], action=order["action"], sessionid=order.get("session"),
                payload=[form] if order.get("values") else None, timeout=order["timeout"])
        except IqError as error:
            report("answer", number=order["number"], condition=error.condition, xml=str(error.iq))
        except IqTimeout:
            report("answer", number=order["number"], condition="timeout")
        else:
            command = iq["command"]
            report("answer", number=order["number"], condition=None, xml=str(iq), session=command["sessionid"],
                   status=command["status"], notes=[list(note) for note in command["notes"]],
                   fields=list(command["form"].get_fields()), actions=sorted(command["actions"]))

    async def do_commands(self, order: dict[str, Any]) -> None:
        """The commands that an entity takes."""
        try:
            iq = await self.plugin["xep_0050"].get_commands(jid=order["jid"], timeout=order["timeout"])
        except IqError as error:
            report("answer", number=order["number"], condition=error.condition)
        else:
            nodes = [item[1] for item in iq["disco_items"]["items"]]
            report("answer", number=order["number"], condition=None, nodes=sorted(nodes))

    async def ask(self, order: dict[str, Any], question: Any) -> None:
        try:
            answer = await question
        except IqError as error:
            report("answer", number=order["number"], condition=error.condition)
        except IqTimeout:
            report("answer", number=order["number"], condition="timeout")
        else:
            report("answer", number=order["number"], condition=None, xml=str(answer))


def described(message: Any) -> dict[str, Any]:
    return {
        "from": str(message["from"]),
        "to": str(message["to"]),
        "id": message["id"],
        "type": message["type"],
        "body": message["body"] or None,
        "subject": message["subject"] or None,
        "thread": message["thread"] or None,
        "xml": str(message),
    }


async def main(port: int, jid: str) -> None:
    reader = asyncio.StreamReader(limit=1 << 22)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    client = Client(jid, (await reader.readline()).decode().rstrip("\n"))
    connecting = client.connect(HOST, port)
    if asyncio.iscoroutine(connecting):
        await connecting
    tasks: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        order = json.loads(line)
        if order["do"] == "quit":
            break
        task = asyncio.create_task(client.obey(order))
        tasks.add(task)
        task.add_done_callback(lambda task: finished(task, tasks))
    await client.disconnect()


def finished(task: asyncio.Task[None], tasks: set[asyncio.Task[None]]) -> None:
    tasks.discard(task)
    if (error := task.exception()) is not None:
        report("fault", text=repr(error))


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
