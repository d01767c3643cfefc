"""From an authenticated stream to a session: resumed, or bound and counted (RFC 6120 7, XEP-0198).  Pure."""

from __future__ import annotations

from enum import Enum

from twisted.words.xish.domish import Element

from iwf.errors import IwfError
from iwf.xmpp.client.acks import NS_SM
from iwf.xmpp.client.stanzas import NS_CLIENT
from iwf.xmpp.elements import add, attribute, child, make, text_of

NS_BIND = "urn:ietf:params:xml:ns:xmpp-bind"

Features = frozenset[tuple[str, str]]


class BindingFault(IwfError):
    """A server with which no session comes about."""


class Stage(Enum):
    """How far it is."""

    RESUMING = "resuming"
    BINDING = "binding"
    COUNTING = "counting"
    """The resource is bound; the server is asked to count."""
    RESUMED = "resumed"
    BEGUN = "begun"


class Binding:
    """What is said between the end of SASL and the first stanza.

    :param features: namespaces and names of what the server offers.
    :param resume: the question for the session before, if there is one to go on with.
    :param id: of the request for a resource; unguessable.

    :ivar stage: how far it is.
    :ivar jid: the full JID, once bound.
    :ivar answer: ``<resumed/>`` or ``<enabled/>``; None where the server does not count.
    :ivar refusal: ``<failed/>``, when the session before is over; may say how much of it arrived.
    """

    def __init__(self, features: Features, resume: Element | None, id: str) -> None:
        self._features = features
        self._resume = resume if (NS_SM, "sm") in features else None
        self._id = id
        self.jid = ""
        self.answer: Element | None = None
        self.refusal: Element | None = None
        self.stage = Stage.BINDING if self._resume is None else Stage.RESUMING

    def begin(self) -> Element:
        """The first thing to say.

        :raises BindingFault: when the server has no resources to give.
        """
        return self._bind() if self._resume is None else self._resume

    @property
    def is_done(self) -> bool:
        """Whether stanzas may flow."""
        return self.stage in (Stage.RESUMED, Stage.BEGUN)

    def receive(self, element: Element) -> Element | None:
        """Take what the server says.

        :return: the next thing to say, if there is one.
        :raises BindingFault: when it refuses.
        """
        name = (element.uri, element.name)
        if self.stage is Stage.RESUMING and name == (NS_SM, "resumed"):
            self.answer, self.stage = element, Stage.RESUMED
        elif self.stage is Stage.RESUMING and name == (NS_SM, "failed"):
            self.refusal, self.stage = element, Stage.BINDING
            return self._bind()
        elif self.stage is Stage.BINDING and name == (NS_CLIENT, "iq") and attribute(element, "id") == self._id:
            return self._bound(element)
        elif self.stage is Stage.COUNTING and name == (NS_SM, "enabled"):
            self.answer, self.stage = element, Stage.BEGUN
        elif self.stage is Stage.COUNTING and name == (NS_SM, "failed"):
            self.stage = Stage.BEGUN
        return None

    def _bind(self) -> Element:
        if (NS_BIND, "bind") not in self._features:
            raise BindingFault("the server gives no resource")
        iq = make("iq", NS_CLIENT, type="set", id=self._id)
        add(iq, "bind", uri=NS_BIND)  # the server chooses: a name that others could guess tells them who is there
        return iq

    def _bound(self, iq: Element) -> Element | None:
        bind = child(iq, "bind", NS_BIND)
        jid = None if bind is None else child(bind, "jid", NS_BIND)
        if attribute(iq, "type") != "result" or jid is None:
            raise BindingFault("the server refuses a resource")
        self.jid = text_of(jid).strip()
        if (NS_SM, "sm") not in self._features:
            self.stage = Stage.BEGUN
            return None
        self.stage = Stage.COUNTING
        return make("enable", NS_SM, resume="true")
