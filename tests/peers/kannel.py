"""Kannel, the reference gateway of the SMS world, as an ESME: bearerbox speaks SMPP, smsbox HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from tests.peers.base import LOOPBACK, Peer, PeerError
from tests.peers.http import call

CONFIGURATION = """\
group = core
admin-port = {admin}
admin-interface = {host}
admin-password = secret
smsbox-port = {box}
smsbox-interface = {host}
box-allow-ip = "{host}"
log-level = 0
dlr-storage = internal
sms-resend-freq = 1
sms-resend-retry = 20

group = smsc
smsc = smpp
smsc-id = ours
host = {host}
port = {smsc}
transceiver-mode = true
smsc-username = iwf
smsc-password = secret
system-type = "VMA"
interface-version = 34
max-pending-submits = 10
source-addr-ton = 1
source-addr-npi = 1
dest-addr-ton = 1
dest-addr-npi = 1
enquire-link-interval = 10
reconnect-delay = 1

group = smsbox
bearerbox-host = {host}
sendsms-port = {http}
global-sender = 15550001
log-level = 0
reply-couldnotfetch = ""
mo-recode = true

group = sendsms-user
username = tester
password = secret
max-messages = 10
concatenation = true

group = sms-service
keyword = default
get-url = "http://{host}:{hook}/mo?from=%p&to=%P&text=%a"
max-messages = 0
catch-all = true
"""


class _Box(Peer):
    """One of its programs; both read the same file."""

    reads_output = False

    def __init__(self, directory: str | os.PathLike[str], reactor: Any = None) -> None:
        super().__init__(directory, reactor)
        self.configuration = ""
        self.ports: tuple[int, ...] = ()

    def prepare(self) -> None:
        (self.directory / "kannel.conf").write_text(self.configuration)

    def command(self) -> list[str]:
        return [self.programs[0], "kannel.conf"]

    def listening(self) -> Iterable[int]:
        return self.ports


class Bearerbox(_Box):
    """The half that binds."""

    name = "bearerbox"
    programs = ("bearerbox",)


class Smsbox(_Box):
    """The half that takes orders."""

    name = "smsbox"
    programs = ("smsbox",)


class Kannel:
    """Both halves.

    :param smsc: the port of the SMSC on this machine, account ``iwf`` with the password ``secret``.
    :param hook: the port to which it reports texts from phones (``/mo``) and receipts.
    """

    def __init__(self, directory: str, smsc: int, hook: int) -> None:
        self.hook = hook
        self.bearerbox, self.smsbox = Bearerbox(directory), Smsbox(directory)
        admin, box, self.http = (self.bearerbox.new_port() for _ in range(3))
        configuration = CONFIGURATION.format(host=LOOPBACK, smsc=smsc, hook=hook, admin=admin, box=box, http=self.http)
        self.bearerbox.configuration = self.smsbox.configuration = configuration
        self.bearerbox.ports, self.smsbox.ports = (admin, box), (self.http,)

    async def send(self, to: str, text: str, receipt: bool = False) -> None:
        """Order a text to a phone."""
        order = {"username": "tester", "password": "secret", "to": to, "text": text, "charset": "UTF-8"}
        if any(ord(character) > 0xFF for character in text):
            order["coding"] = "2"  # else it sends "?" for them
        if receipt:
            order |= {"dlr-mask": "31", "dlr-url": f"http://{LOOPBACK}:{self.hook}/dlr?type=%d&to=%p"}
        path = f"/cgi-bin/sendsms?{urlencode(order)}"
        status, answer = await call(self.smsbox.reactor, self.http, "GET", path)
        if status != 202:
            raise PeerError(f"kannel: {status} {answer!r}")
