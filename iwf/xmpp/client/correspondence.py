"""What comes in for a user who is a phone: texts to the core, questions answered (shell)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.words.xish.domish import Element

from iwf.edge import Answered, IIntake, Offered
from iwf.mapping.model import Failure, Kind, Message, Payload, Reason, Receipt, Refused, Verdict
from iwf.xmpp import stanzas
from iwf.xmpp.client.stanzas import NS_ROSTER, Roster
from iwf.xmpp.elements import Component, attribute, child, octets_of, reply
from iwf.xmpp.jid import JidFault, address_of_jid
from iwf.xmpp.offers import Offers
from iwf.xmpp.reasons import error_reply

MOST_WRITTEN_TO = 1000
"""Those whom the phone wrote to last, who may answer although they are in no roster."""

#: As a user is answered for who has blocked the sender: it does not tell that there is a phone.
_STRANGER = Failure(Reason.NOT_OFFERED)

Done = Callable[[], None]
"""Called when a stanza has been dealt with."""


class Correspondence:
    """The stanzas of one session.

    :param strangers: whether those who are not in the roster may write to the phone.
    :param write: takes stanzas.
    :param hold: told to read no more (True) or to go on (False).

    :ivar resource: the full JID of the session.
    """

    _log = Logger()

    def __init__(self, account: Component, clock: IReactorTime, intake: IIntake, strangers: bool,
                 write: Callable[[bytes], None], hold: Callable[[bool], None]) -> None:
        self._account = account
        self._clock = clock
        self._intake = intake
        self._strangers = strangers
        self._write = write
        self._offers = Offers(intake, hold, lambda: None)
        self._roster = Roster()
        self._roster_id = ""
        self._written_to: OrderedDict[str, None] = OrderedDict()
        self.resource = ""

    def began(self) -> None:
        """There is a new connection."""
        self._offers.began()

    def roster_id(self, id: str) -> str:
        """The roster is asked for under this id."""
        self._roster_id = id
        return id

    def wrote_to(self, payload: Payload) -> None:
        """The phone has written."""
        if isinstance(payload, Message):
            self._written_to[payload.target.key] = None
            self._written_to.move_to_end(payload.target.key)
            if len(self._written_to) > MOST_WRITTEN_TO:
                self._written_to.popitem(last=False)

    def take(self, element: Element, done: Done) -> None:
        """Take a stanza as :func:`~iwf.xmpp.client.stanzas.adopt` leaves it."""
        if element.name == "presence" or element.name == "iq" and self._is_about_roster(element):
            # Who may see him is the user's business, at his other clients.
            done()
            return
        reading = stanzas.read(element, self._account, self._clock.seconds())
        if isinstance(reading, Offered):
            self._offer(element, reading, done)
            return
        if isinstance(reading, Answered):
            self._write(reading.answer)
        done()

    def take_too_large(self, element: Element, done: Done) -> None:
        """Take the start tag of a stanza whose content was thrown away."""
        reading = stanzas.too_large(element, self._account)
        if isinstance(reading, Answered):
            self._write(reading.answer)
        done()

    def _offer(self, element: Element, offered: Offered, done: Done) -> None:
        event = offered.event
        if isinstance(event, Message) and self._is_for_other_clients(event):
            done()
        elif isinstance(event, Message):
            if not self._strangers and not self._is_known(event):
                self._log.info("{lane}: a stranger's text is not passed on", lane=self._account.lane)
                self._write(octets_of(error_reply(element, self._account, _STRANGER)))
                done()
                return
            self._offers.offer(event, partial(self._on_verdict, element, done))
        elif isinstance(event, Receipt):
            self._offers.offer(event, lambda verdict: done())
        else:
            done()  # neither typing nor moods go to phones (COMP-7)

    def _on_verdict(self, element: Element, done: Done, verdict: Verdict) -> None:
        if isinstance(verdict, Refused):
            self._write(octets_of(error_reply(element, self._account, verdict.failure)))
        done()

    def _is_for_other_clients(self, message: Message) -> bool:
        """What he writes to himself (LOOP-5), and what nobody expects an answer to."""
        is_own = message.origin.address.key == message.target.key
        return is_own or message.kind is Kind.HEADLINE and not self._is_known(message)

    def _is_known(self, message: Message) -> bool:
        contact = message.origin.address.bare()
        return contact in self._roster or contact.key in self._written_to

    def _is_about_roster(self, iq: Element) -> bool:
        query = child(iq, "query", NS_ROSTER)
        type = attribute(iq, "type")
        if type in ("result", "error"):
            if attribute(iq, "id") == self._roster_id and query is not None and self._is_own(iq):
                self._roster.replace(query)
            return True
        if type != "set" or query is None or not self._is_own(iq):
            return False
        self._roster.change(query)  # RFC 6121 2.1.6: from the server alone, or anybody could add himself
        self._write(octets_of(reply(iq, self._account, "result")))
        return True

    def _is_own(self, iq: Element) -> bool:
        try:
            sender = address_of_jid(attribute(iq, "from"))
            return sender.key == address_of_jid(self.resource).key
        except JidFault:
            return False
