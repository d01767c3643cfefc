"""smpp.twisted as an SMSC or as an ESME, in a process of its own, for its timers stay in the reactor.

``smpp_twisted_process.py server|client PORT`` with orders as JSON lines on standard input and events
as JSON lines on standard output; tests/interop/smpp_twisted.py is the other end.
"""

from __future__ import annotations

import itertools
import json
import sys
from typing import Any

from smpp.pdu.operations import DeliverSM, SubmitSM
from smpp.pdu.pdu_types import (
    AddrNpi,
    AddrTon,
    CommandStatus,
    DataCoding,
    DataCodingDefault,
    EsmClass,
    EsmClassMode,
    EsmClassType,
    RegisteredDelivery,
    RegisteredDeliveryReceipt,
)
from smpp.twisted.client import SMPPClientTransceiver
from smpp.twisted.config import SMPPClientConfig, SMPPServerConfig
from smpp.twisted.protocol import DataHandlerResponse
from smpp.twisted.server import SMPPServerFactory
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet import reactor, stdio
from twisted.protocols.basic import LineReceiver
from zope.interface import implementer

HOST = "127.0.0.1"
NOBODY = "nobody is bound to receive"
ACCOUNT, PASSWORD = "iwf", "secret"


def report(event: str, **details: Any) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


def described(pdu: Any) -> dict[str, Any]:
    values = pdu.params
    return {
        "from": values["source_addr"].decode(), "to": values["destination_addr"].decode(),
        "source_ton": values["source_addr_ton"].name, "dest_ton": values["dest_addr_ton"].name,
        "coding": values["data_coding"].schemeData.name, "type": values["esm_class"].type.name,
        "hex": values["short_message"].hex(),
        "receipted": (values.get("receipted_message_id") or b"").decode(),
        "state": getattr(values.get("message_state"), "name", ""),
    }  # fmt: skip


def message(kind: Any, order: dict[str, Any]) -> Any:
    text = order["text"].encode("utf-16-be")
    return kind(
        source_addr_ton=AddrTon[order.get("source_ton", "INTERNATIONAL")], source_addr_npi=AddrNpi.ISDN,
        source_addr=order["from"].encode(),
        dest_addr_ton=AddrTon[order.get("dest_ton", "INTERNATIONAL")], dest_addr_npi=AddrNpi.ISDN,
        destination_addr=order["to"].encode(),
        esm_class=EsmClass(EsmClassMode.DEFAULT, EsmClassType.DEFAULT),
        data_coding=DataCoding(schemeData=DataCodingDefault.UCS2), short_message=text,
        registered_delivery=RegisteredDelivery(
            RegisteredDeliveryReceipt.SMSC_DELIVERY_RECEIPT_REQUESTED if order.get("receipt")
            else RegisteredDeliveryReceipt.NO_SMSC_DELIVERY_RECEIPT_REQUESTED),
    )  # fmt: skip


def answered(result: Any, number: int) -> None:
    response = result.response
    message_id = response.params.get("message_id") or b""
    report("answered", number=number, status=response.status.name, id=message_id.decode())


def failed(failure: Any, number: int) -> None:
    report("answered", number=number, status=str(failure.value), id="")


@implementer(ICredentialsChecker)
class Checker:
    """Knows one account."""

    credentialInterfaces = (IUsernamePassword,)

    def requestAvatarId(self, credentials: Any) -> Any:
        if (credentials.username, credentials.password) != (ACCOUNT, PASSWORD):
            raise UnauthorizedLogin
        return ACCOUNT


@implementer(IRealm)
class Realm:
    """Lets everybody in who was checked."""

    def requestAvatar(self, avatar_id: Any, mind: Any, *interfaces: Any) -> Any:
        return interfaces[0], avatar_id, lambda: None


class Server:
    """An SMSC that takes everything, or answers with the status it was told."""

    def __init__(self, port: int) -> None:
        self.status = "ESME_ROK"
        self.numbers = itertools.count(1)
        config = SMPPServerConfig(msgHandler=self.submitted, systems={ACCOUNT: {"max_bindings": 2}})
        self.factory = SMPPServerFactory(config, Portal(Realm(), [Checker()]))
        reactor.listenTCP(port, self.factory, interface=HOST)

    def submitted(self, system_id: str, protocol: Any, pdu: Any) -> Any:
        number = f"id-{next(self.numbers)}"
        report("submit_sm", id=number, **described(pdu))
        if self.status != "ESME_ROK":
            return CommandStatus[self.status]
        return DataHandlerResponse(CommandStatus.ESME_ROK, message_id=number)

    def obey(self, order: dict[str, Any]) -> None:
        if order["do"] == "answer":
            self.status = order["status"]
            report("done")
            return
        bound = self.factory.getBoundConnections(ACCOUNT)
        binding = bound and bound.getNextBindingForDelivery()
        if binding is None:
            report("answered", number=order["number"], status=NOBODY, id="")
            return
        sent = binding.sendDataRequest(message(DeliverSM, order))
        sent.addCallbacks(answered, failed, (order["number"],), None, (order["number"],))


class Client:
    """An ESME."""

    def __init__(self, port: int) -> None:
        config = SMPPClientConfig(host=HOST, port=port, username=ACCOUNT, password=PASSWORD)
        self.protocol: Any = None
        client = SMPPClientTransceiver(config, self.delivered)
        client.connectAndBind().addCallbacks(
            self.bound, lambda failure: report("bind_failed", why=str(failure.value)))

    def bound(self, protocol: Any) -> None:
        self.protocol = protocol
        report("bound")

    def delivered(self, protocol: Any, pdu: Any) -> Any:
        report("deliver_sm", **described(pdu))
        return CommandStatus.ESME_ROK

    def obey(self, order: dict[str, Any]) -> None:
        if order["do"] == "unbind":
            self.protocol.unbindAndDisconnect().addBoth(lambda _: report("unbound"))
            return
        sent = self.protocol.sendDataRequest(message(SubmitSM, order))
        sent.addCallbacks(answered, failed, (order["number"],), None, (order["number"],))


class Orders(LineReceiver):
    """Standard input."""

    delimiter = b"\n"

    def __init__(self, actor: Server | Client) -> None:
        self.actor = actor

    def lineReceived(self, line: bytes) -> None:
        self.actor.obey(json.loads(line))


if __name__ == "__main__":
    kind: Any = {"server": Server, "client": Client}[sys.argv[1]]
    stdio.StandardIO(Orders(kind(int(sys.argv[2]))))
    reactor.run()
