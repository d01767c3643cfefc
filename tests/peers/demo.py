"""Show the gateway at work: ``python -m tests.peers.demo``.

Starts an XMPP server, a SIP proxy, an SMSC and the gateway on loopback, lets them talk in all six
directions, and then stays until it is interrupted, so that people can join with their own clients.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.peers.baresip import Baresip
from tests.peers.base import LOOPBACK, Event, Peer, PeerError
from tests.peers.gateway import Gateway
from tests.peers.kamailio import Kamailio
from tests.peers.prosody import Prosody
from tests.peers.simulator import Simulator
from tests.peers.slixmpp_client import SlixmppClient

PHONE = "4915155501234"
XMPP_USERS = {"romeo": "montague", "benvolio": "montague"}
SIP_USERS = {"juliet": "capulet", "nurse": "capulet"}
ROMEO_JID, JULIET_URI = "romeo@xmpp.test", "juliet@sip.test"
ROMEO_AS_SIP = "sip:romeo*xmpp.test@xmpp.sip.test"
JULIET_AS_JID = "juliet*sip.test@sip.xmpp.test"
PHONE_AS_JID = f"+{PHONE}@sms.xmpp.test"
PHONE_AS_SIP = f"sip:+{PHONE}@sms.sip.test"
ECHO = "You wrote: "
PATIENCE = 10.0
"""Seconds for one text to arrive."""

WHO = """
Join with your own programs (Ctrl-C ends everything; logs are in {directory}):

  XMPP client   {xmpp_host}:{xmpp_port}, account benvolio@xmpp.test, password {xmpp_password}
                (the certificate is self-signed: accept it)
    write to    {juliet_jid}     the SIP user juliet
                {phone_jid}    the phone
  SIP phone     proxy {sip_host}:{sip_port} (UDP or TCP), account nurse@sip.test, password {sip_password}
    write to    {romeo_sip}     the XMPP user romeo
                sip:benvolio*xmpp.test@xmpp.sip.test    you, in your XMPP client
                {phone_sip}
  the phone     answers by itself; what it has got, and to write as the phone to one of these senders:
    curl http://{sip_host}:{smsc_http}/phones/+{phone}
    curl -d '{{"to": "SENDER", "text": "Hello"}}' http://{sip_host}:{smsc_http}/phones/+{phone}
    (more that it can do: curl http://{sip_host}:{smsc_http}/)

romeo, juliet and the phone answer every text.
"""


def say(text: str) -> None:
    print(text, flush=True)


class Demo:
    """All programs of the show, and what is said between them."""

    def __init__(self, reactor: Any, directory: Path) -> None:
        self.reactor = reactor
        self.directory = directory
        self.gateway = Gateway(directory / "iwf", reactor)
        self.prosody = Prosody(directory / "prosody", users=XMPP_USERS, tls=True, reactor=reactor)
        self.kamailio = Kamailio(
            directory / "kamailio",
            gateway=(LOOPBACK, self.gateway.port, "udp"),
            users=SIP_USERS,
            reactor=reactor,
        )
        self.smsc = Simulator(directory / "smsc", reactor=reactor)
        self.romeo = SlixmppClient(
            directory / "romeo",
            f"{ROMEO_JID}/show",
            XMPP_USERS["romeo"],
            self.prosody.port,
            reactor,
        )
        self.juliet = Baresip(
            directory / "juliet",
            "juliet",
            "sip.test",
            self.kamailio.port,
            [
                ROMEO_AS_SIP,
                PHONE_AS_SIP,
                "sip:nurse@sip.test",
                "sip:benvolio*xmpp.test@xmpp.sip.test",
            ],
            password=SIP_USERS["juliet"],
            reactor=reactor,
        )
        self.gateway.between(self.prosody, self.kamailio, self.smsc)
        self.peers: list[Peer] = [
            self.prosody, self.kamailio, self.smsc, self.gateway, self.romeo, self.juliet,
        ]  # fmt: skip

    async def start(self) -> None:
        for peer in self.peers:
            await peer.start()
            say(f"{peer.name:<10} is up")
        await self._gateway_connected()

    async def stop(self) -> None:
        for peer in reversed(self.peers):
            await peer.stop()

    async def _gateway_connected(self) -> None:
        """Wait until the gateway has reached the XMPP server and the SMSC."""
        for _ in range(100):
            pong = await self.romeo.ping("sip.xmpp.test", timeout=2)
            reached = pong["condition"] not in (
                "remote-server-timeout",
                "remote-server-not-found",
                "timeout",
            )
            if reached and await self.smsc.binds():
                return
            await self.romeo.sleep(0.1)
        raise PeerError(f"the gateway reached not all of its peers\n{self.gateway.log_tail()}")

    # The conversation: each text is seen at the far end, by the far end's own program.

    async def converse(self) -> bool:
        """One text in each direction; whether all arrived."""
        say("")
        arrived = [
            await self._xmpp_to_sip("But soft! What light through yonder window breaks?"),
            await self._sip_to_xmpp("O Romeo, Romeo! Wherefore art thou Romeo?"),
            *await self._xmpp_and_phone("Is it thou, nurse?", "Aye, sir."),
            *await self._sip_and_phone(
                "What says he of our marriage?", "O, he's a lovely gentleman!"
            ),
        ]
        say(f"\n{sum(arrived)} of {len(arrived)} texts arrived.")
        return all(arrived)

    async def _xmpp_to_sip(self, text: str) -> bool:
        self.romeo.send(JULIET_AS_JID, text)
        return await told(
            f"xmpp {ROMEO_JID} -> sip {JULIET_URI}", text, self.juliet.message(text, PATIENCE)
        )

    async def _sip_to_xmpp(self, text: str) -> bool:
        code = await self.juliet.send_message(ROMEO_AS_SIP, text)
        seen = self.romeo.message(text, PATIENCE)
        return await told(
            f"sip {JULIET_URI} -> xmpp {ROMEO_JID}", text, seen, f"accepted with {code}"
        )

    async def _xmpp_and_phone(self, text: str, reply: str) -> list[bool]:
        self.romeo.send(PHONE_AS_JID, text)
        seen = self._at_phone(text)
        there = await told(f"xmpp {ROMEO_JID} -> sms +{PHONE}", text, seen)
        if not there:
            return [False, False]
        await self.smsc.send(f"+{PHONE}", (await self.smsc.texts(f"+{PHONE}"))[-1]["sender"], reply)
        back = await told(
            f"sms +{PHONE} -> xmpp {ROMEO_JID}", reply, self.romeo.message(reply, PATIENCE)
        )
        return [there, back]

    async def _sip_and_phone(self, text: str, reply: str) -> list[bool]:
        code = await self.juliet.send_message(PHONE_AS_SIP, text)
        seen = self._at_phone(text)
        there = await told(f"sip {JULIET_URI} -> sms +{PHONE}", text, seen, f"accepted with {code}")
        if not there:
            return [False, False]
        await self.smsc.send(f"+{PHONE}", (await self.smsc.texts(f"+{PHONE}"))[-1]["sender"], reply)
        back = await told(
            f"sms +{PHONE} -> sip {JULIET_URI}", reply, self.juliet.message(reply, PATIENCE)
        )
        return [there, back]

    async def _at_phone(self, text: str) -> Event:
        for _ in range(int(PATIENCE / 0.1)):
            for found in await self.smsc.texts(f"+{PHONE}"):
                # The sender's name may stand before the text (MSG-44).
                if found["text"].endswith(text):
                    return found
            await self.smsc.sleep(0.1)
        raise PeerError(f"the phone has not got: {text}")

    # Afterwards: everybody answers people, but not each other's answers.

    def follow(self) -> None:
        """Print what arrives from now on, and answer it."""
        say(
            WHO.format(
                directory=self.directory,
                xmpp_host=LOOPBACK,
                xmpp_port=self.prosody.port,
                xmpp_password=XMPP_USERS["benvolio"],
                sip_host=LOOPBACK,
                sip_port=self.kamailio.port,
                sip_password=SIP_USERS["nurse"],
                smsc_http=self.smsc.control_port,
                phone=PHONE,
                juliet_jid=JULIET_AS_JID,
                phone_jid=PHONE_AS_JID,
                romeo_sip=ROMEO_AS_SIP,
                phone_sip=PHONE_AS_SIP,
            )
        )
        for steps in (self._follow_romeo(), self._follow_juliet(), self._follow_phone()):
            Deferred.fromCoroutine(steps).addErrback(lambda failure: say(failure.getErrorMessage()))

    async def _follow_romeo(self) -> None:
        while True:
            message = await self.romeo.events.wait_for(
                lambda event: (
                    event["event"] == "error" or (event["event"] == "message" and event["body"])
                ),
                None,
            )
            if message["event"] == "error":
                say(f"xmpp {ROMEO_JID}: error for {message['from']}: {message['condition']}")
            else:
                say(f'xmpp {ROMEO_JID} <- {message["from"]}: "{message["body"]}"')
                if answerable(message["body"]):
                    self.romeo.send(message["from"], ECHO + message["body"])

    async def _follow_juliet(self) -> None:
        while True:
            message = await self.juliet.events.wait_for(
                lambda event: event["type"] == "message", None
            )
            say(f'sip {JULIET_URI} <- {message["from"]}: "{message["text"]}"')
            if answerable(message["text"]):
                await self._answer_as_juliet(message)

    async def _answer_as_juliet(self, message: Event) -> None:
        # A user agent's own address may follow as a parameter; baresip writes to people only.
        sender = message["from"].partition(";")[0]
        try:
            code = await self.juliet.send_message(sender, ECHO + message["text"])
        except PeerError as error:
            say(f"sip {JULIET_URI}: {error}")
        else:
            say(f"sip {JULIET_URI} -> {sender}: accepted with {code}")

    async def _follow_phone(self) -> None:
        seen = len(await self.smsc.texts(f"+{PHONE}"))
        while True:
            for text in await self.smsc.texts(f"+{PHONE}", seen):
                seen = text["number"]
                say(f'sms +{PHONE} <- {text["sender"]}: "{text["text"]}"')
                if answerable(text["text"]):
                    await self.smsc.send(f"+{PHONE}", text["sender"], ECHO + text["text"])
            await self.smsc.sleep(0.2)


async def told(what: str, text: str, arrival: Awaitable[Event], remark: str = "") -> bool:
    """Print one line on a text, and return whether it arrived."""
    try:
        await arrival
    except PeerError:
        say(f'{what}: "{text}"  NOT delivered{" (" + remark + ")" if remark else ""}')
        return False
    say(f'{what}: "{text}"  delivered')
    return True


def answerable(text: str) -> bool:
    return ECHO not in text


def missing() -> list[str]:
    """Why the show cannot begin."""
    kinds: tuple[type[Peer], ...] = (Prosody, Kamailio, Simulator, Baresip, SlixmppClient, Gateway)
    return [reason for kind in kinds if (reason := kind.find()) is not None]


async def main(reactor: Any, once: bool) -> None:
    """Run the show, and with ``once`` end it after the conversation."""
    if reasons := missing():
        raise SystemExit(
            "\n".join(
                [*reasons, "tools/install-debian.sh and tools/install-python.sh install these."]
            )
        )
    with tempfile.TemporaryDirectory(prefix="iwf-demo-") as folder:
        demo = Demo(reactor, Path(folder))
        ended: Deferred[None] = Deferred()
        reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: Deferred.fromCoroutine(demo.stop())
        )
        try:
            await demo.start()
            complete = await demo.converse()
            if once:
                raise SystemExit(0 if complete else 1)
            demo.follow()
            await ended
        except PeerError as error:
            raise SystemExit(str(error)) from error
        finally:
            await demo.stop()


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, "--once" in sys.argv[1:])))
