"""An XMPP server for one user in memory: SASL SCRAM, resources, roster, stream management."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from scramp import ScramException, ScramMechanism
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element, elementStream

from iwf.xmpp.client.dialing import DialFault

HEADER = ("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
          " from='a.com' id='s' version='1.0'>")
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
SM = "urn:xmpp:sm:3"
BOUND = "joe@a.com/iwf7"


class Transport(StringTransportWithDisconnection):
    """Closes at once."""

    def abortConnection(self) -> None:
        self.loseConnection()

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass


class Server:
    """What it has heard and what it says.

    :ivar counts: whether it offers stream management; ``resumes``: whether a session goes on.
    :ivar stanzas: those of the client, in order, each one once.
    :ivar acknowledges: answers ``<r/>`` by itself.
    """

    def __init__(self, clock: Clock, password: str = "pencil", counts: bool = True) -> None:
        self.clock, self.password, self.counts = clock, password, counts
        self.mechanisms = ["SCRAM-SHA-1", "PLAIN"]
        self.is_there = self.acknowledges = self.resumes = True
        self.stanzas: list[Element] = []
        self.counted = 0
        self.heard: list[str] = []
        self.dials = 0
        self.failed_h = ""
        self.protocol: Any = None
        self.contacts = ("eve@b.com",)

    # -- a dialer for the client

    def connect(self, domain: str, make: Any) -> Deferred[Any]:
        self.dials += 1
        if not self.is_there:
            return fail(DialFault("the server cannot be reached"))
        self.protocol = make(None).buildProtocol(None)
        self.transport = Transport()
        self.transport.protocol = self.protocol
        self._is_in = False
        self._stream: Any = None
        self.clock.callLater(0, self.protocol.makeConnection, self.transport)
        return succeed(self.protocol)

    def settle(self, seconds: float = 0.0) -> None:
        """Let time pass and what was said be heard."""
        self.clock.advance(seconds)
        for _ in range(30):
            if self.protocol is not None:
                octets, _ = self.transport.value(), self.transport.clear()
                if octets:
                    self._take(octets)
            self.clock.advance(0)

    def say(self, text: str) -> None:
        if self.protocol is not None and self.transport.connected:
            self.protocol.dataReceived(text.encode())

    def cut(self) -> None:
        """The connection breaks; what is on its way is lost."""
        self.transport.connected = False
        protocol, self.protocol = self.protocol, None
        protocol.connectionLost(Failure(ConnectionLost()))

    # -- what the client says

    def _take(self, octets: bytes) -> None:
        if octets.startswith(b"<stream:stream"):
            self._stream = elementStream()
            self._stream.DocumentStartEvent = lambda root: None
            self._stream.ElementEvent = self._element
            self._stream.DocumentEndEvent = lambda: self.heard.append("end")
            self._stream.parse(octets)
            self.say(HEADER)
            self.say(f"<stream:features>{self._features()}</stream:features>")
        else:
            self._stream.parse(octets)

    def _features(self) -> str:
        if not self._is_in:
            mechanisms = "".join(f"<mechanism>{name}</mechanism>" for name in self.mechanisms)
            return f"<mechanisms xmlns='{SASL}'>{mechanisms}</mechanisms>"
        sm = f"<sm xmlns='{SM}'/>" if self.counts else ""
        return f"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>{sm}"

    def _element(self, element: Element) -> None:
        self.heard.append(element.name)
        take = getattr(self, f"_take_{element.name}", None)
        if take is not None:
            take(element)
        if element.uri == "jabber:client":
            self.counted += self.is_counting
            if element.name in ("message", "presence"):
                self.stanzas.append(element)

    is_counting = 0

    def _take_auth(self, auth: Element) -> None:
        mechanism = ScramMechanism("SCRAM-SHA-1")
        information = mechanism.make_auth_info(self.password, iteration_count=4096)
        self._scram = mechanism.make_server(lambda user: information)
        self._scram.set_client_first(b64decode(str(auth)).decode())
        self.say(f"<challenge xmlns='{SASL}'>{_coded(self._scram.get_server_first())}</challenge>")

    def _take_response(self, response: Element) -> None:
        try:
            self._scram.set_client_final(b64decode(str(response)).decode())
        except ScramException:
            self.say(f"<failure xmlns='{SASL}'><not-authorized/></failure>")
            return
        self._is_in = True
        self.say(f"<success xmlns='{SASL}'>{_coded(self._scram.get_server_final())}</success>")

    def _take_iq(self, iq: Element) -> None:
        if "xmpp-bind" in iq.toXml():
            self.say(f"<iq type='result' id='{iq['id']}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                     f"<jid>{BOUND}</jid></bind></iq>")
        elif iq.getAttribute("type") == "get" and "jabber:iq:roster" in iq.toXml():
            items = "".join(f"<item jid='{jid}' subscription='both'/>" for jid in self.contacts)
            self.say(f"<iq type='result' id='{iq['id']}'><query xmlns='jabber:iq:roster'>{items}</query></iq>")

    def _take_enable(self, enable: Element) -> None:
        self.is_counting, self.counted = 1, 0
        self.say(f"<enabled xmlns='{SM}' id='sm1' resume='true' max='300'/>")

    def _take_resume(self, resume: Element) -> None:
        self.heard.append(f"h={resume['h']}")
        if self.resumes:
            self.say(f"<resumed xmlns='{SM}' previd='sm1' h='{self.counted}'/>")
        else:
            h = f" h='{self.failed_h}'" if self.failed_h else ""
            self.say(f"<failed xmlns='{SM}'{h}/>")

    def _take_r(self, r: Element) -> None:
        if self.acknowledges:
            self.say(f"<a xmlns='{SM}' h='{self.counted}'/>")

    def _take_a(self, a: Element) -> None:
        self.heard.append(f"h={a['h']}")


def _coded(text: str) -> str:
    return b64encode(text.encode()).decode()
