"""What a play needs of the place where it is played: people, servers, time.

Two stages exist: :mod:`tests.scenarios.memory` in virtual time, and :mod:`tests.interop.real` with
the programs of others.  A play cannot tell them apart.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import quote

from attrs import define, frozen

from tests.support.seen import State, View

XMPP, SIP, SMS, IWF = "xmpp", "sip", "sms", "iwf"
PEERS = (XMPP, SIP, SMS, IWF)
SILENT, NORMALLY = "nothing", "normally"
ONCE = " once"
"""Behind the state of a receipt: for the next text alone."""
SERVICE = "service"
"""In place of an actor: the number that phones give commands to."""

# The domains of the founding draft's samples (ADDR section 3).
XMPP_DOMAIN, SIP_DOMAIN = "xmppserver.com", "sipserver.com"
SIP_ON_XMPP, SMS_ON_XMPP = f"sip.{XMPP_DOMAIN}", f"sms.{XMPP_DOMAIN}"
XMPP_ON_SIP, SMS_ON_SIP = f"xmpp.{SIP_DOMAIN}", f"sms.{SIP_DOMAIN}"

# The rules are written down here a second time, so that the daemon is not judged by itself.
_JID_ESCAPES = {" ": "20", '"': "22", "&": "26", "'": "27", "/": "2f", ":": "3a", "<": "3c", ">": "3e", "@": "40"}
_JID_ESCAPE = re.compile(r"\\(20|22|26|27|2f|3a|3c|3e|40|5c)")
_SIP_USER = "-_.!~*'()&=+$,;?/"


class StageError(Exception):
    """The stage cannot do what the play asks for."""


@frozen
class Actor:
    """Somebody who takes part, or an address without anybody behind it."""

    name: str
    world: str
    user: str
    """XMPP: the local part as it stands in a JID; SIP: the user, decoded; SMS: the number with ``+``."""
    exists: bool = True

    @property
    def native(self) -> str:
        """His address at home."""
        return self.seen_in(self.world)

    def seen_in(self, world: str) -> str:
        """How users of a world write him; empty for phones, which know him by a number of ours."""
        if world == SMS:
            return self.user if self.world == SMS else ""
        if self.world == SMS:
            return f"{self.user}@{SMS_ON_XMPP}" if world == XMPP else f"sip:{self.user}@{SMS_ON_SIP}"
        if world == SIP:
            if self.world == SIP:
                return f"sip:{quote(self.user, safe=_SIP_USER)}@{SIP_DOMAIN}"
            plain = _JID_ESCAPE.sub(lambda match: chr(int(match[1], 16)), self.user)  # ADDR-17
            return f"sip:{quote(f'{plain}*{XMPP_DOMAIN}', safe=_SIP_USER)}@{XMPP_ON_SIP}"
        if self.world == XMPP:
            return f"{self.user}@{XMPP_DOMAIN}"
        return f"{escaped(f'{self.user.lower()}*{SIP_DOMAIN}')}@{SIP_ON_XMPP}"  # ADDR-16, ADDR-20


def escaped(text: str) -> str:
    """A local part as XEP-0106 writes it (ADDR-7, ADDR-8)."""
    doubled = _JID_ESCAPE.sub(r"\\5c\1", text)
    return "".join(f"\\{_JID_ESCAPES[c]}" if c in _JID_ESCAPES else c for c in doubled)


def plain_uri(uri: str) -> str:
    """A SIP URI without its parameters, such as ``gr``."""
    user, at_sign, host = uri.rpartition("@")
    return f"{user}{at_sign}{host.partition(';')[0]}"


CAST = {
    actor.name: actor
    for actor in (
        Actor("romeo", XMPP, "romeo"),
        Actor("benvolio", XMPP, "benvolio"),
        Actor("juliet", SIP, "juliet"),
        Actor("nurse", SIP, "nurse"),
        Actor("carol", SMS, "+491701234567"),
    )
}
"""Who is always there."""


@define(eq=False)
class Saying:
    """One message that an actor sends."""

    sender: Actor
    to: str
    """The target's address in the world of the sender."""
    text: str
    thread: str = ""
    subject: str = ""
    taken: bool | None = None
    """What the sender was answered: yes (2xx, command_status 0), no, or nothing (yet).  XMPP senders
    are not answered."""


@frozen
class Heard:
    """A message that an actor received."""

    sender: str
    """As it came: a bare JID, a SIP URI without parameters, a number."""
    text: str
    thread: str = ""
    subject: str = ""


@frozen
class Failed:
    """An error that an actor was told in the terms of his own protocol."""

    code: str
    """An error condition, a SIP status code, a command_status such as ``0x65``."""
    about: str = ""
    """The address he had written to."""
    text: str = ""
    """What he had written, where it is known."""


Incoming = Heard | Failed


class Stage(ABC):
    """A place to play.

    Everything that actors receive is put into :attr:`inboxes`, in order, at the latest when
    :meth:`pause` returns; the play takes it out.
    """

    service_number = "70001"

    def __init__(self) -> None:
        self.inboxes: dict[str, list[Incoming]] = {}

    def tell(self, actor: str, incoming: Incoming) -> None:
        """Somebody has received something."""
        self.inboxes.setdefault(actor, []).append(incoming)

    @abstractmethod
    def now(self) -> float:
        """Seconds of the clock that the play is played by."""

    @abstractmethod
    async def pause(self, seconds: float) -> None:
        """Let time pass."""

    @abstractmethod
    async def begin(self, cast: Mapping[str, Actor], options: Mapping[str, str]) -> None:
        """Bring everybody and everything up.

        :param options: keys of the configuration with values as TOML has them.
        """

    @abstractmethod
    async def say(self, saying: Saying) -> None:
        """Let an actor send a message, without waiting for what becomes of it."""

    @abstractmethod
    async def behave(self, actor: Actor, answer: str) -> None:
        """From now on, an actor answers messages like this.

        :param answer: ``normally``, ``nothing``, a SIP status code, an XMPP error condition, a
            command_status or the state of a receipt, that with :data:`ONCE` or without.
        """

    @abstractmethod
    async def relate(self, verb: str, actor: Actor, other: Actor) -> None:
        """Something of presence between two actors: ``asks to see``, ``asks no more for``, ``allows``, ``refuses``."""

    @abstractmethod
    async def appear(self, actor: Actor, state: State) -> None:
        """From now on, a device of an actor is like this."""

    @abstractmethod
    def asking(self, actor: Actor) -> Collection[str]:
        """The addresses, in the world of the actor, of who wants to see him and has no answer."""

    @abstractmethod
    def views(self, actor: Actor, other: Actor) -> Mapping[str, View | None]:
        """What an actor sees of another one, by his own devices that are there; None: he may not."""

    @abstractmethod
    def watchers(self, actor: Actor) -> Sequence[str]:
        """Who looks at a SIP user, once for each of his dialogs."""

    @abstractmethod
    async def change(self, verb: str, peer: str) -> None:
        """``start``, ``stop`` or ``kill`` one of :data:`PEERS`."""

    @abstractmethod
    async def connected(self) -> None:
        """Let the time pass that the daemon needs to reach all of its peers.

        :raises StageError: when it does not.
        """

    def clear(self) -> None:
        """Forget what was not taken out."""
        self.inboxes.clear()


SECTIONS = {
    "s2x_hold": "[[sip.trunk]]",
    "s2x_accept": "[[sip.trunk]]",
    "profile": "[[sip.trunk]]",
    "notify_min": "[sip.presence]", "sub_expires": "[sip.presence]", "sub_idle": "[sip.presence]",
    "patience.ask_again": "[node]",
    "deliver_ack": "[[smpp.link]]",
    "notify_phone": "[[smpp.link]]",
    "retry_unknown": "[[smpp.link]]",
    "timers.response": "[[smpp.link]]",
    "order": "[[smpp.link]]", "resend": "[[smpp.link]]", "chat_validity": "[[smpp.link]]",
    "prefix_sender": "[node]",
    "s2x_type": "[node]",
    "late_error_notice": "[node]",
    "stream_limit": "[node]", "max_rate": "[node]",
    "patience.grace": "[node]",
    "patience.next_hop": "[node]",
    "patience.delivery": "[node]",
}
"""Where the keys that a play may set stand in the configuration."""


def configured(text: str, options: Mapping[str, str]) -> str:
    """A configuration file with further keys."""
    for name, value in options.items():
        head = SECTIONS[name]
        if head not in text and not head.startswith("[["):
            text += f"\n{head}\n"
        if head not in text:
            raise StageError(f"{head} is not in the configuration")
        text = text.replace(f"{head}\n", f"{head}\n{name} = {value}\n")
    return text
