"""Takes registrations off the stream of the component for phones, and answers them (shell; XEP-0077)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure as Fault
from twisted.words.xish.domish import Element

from iwf.mapping.model import Address, Failure, Reason
from iwf.xmpp.commands.codes import Proof
from iwf.xmpp.commands.forms import FormFault
from iwf.xmpp.commands.office import Office
from iwf.xmpp.commands.registration import describe_registration, farewell, registration_in, wants_removal
from iwf.xmpp.disco import NS_REGISTER
from iwf.xmpp.elements import Component, attribute, child, octets_of, reply
from iwf.xmpp.jid import JidFault, address_of_jid, jid_of_address
from iwf.xmpp.reasons import error_reply

_NO_NUMBER = Failure(Reason.NOT_ACCEPTABLE, text="this is no telephone number")
_WRONG_CODE = Failure(Reason.NOT_ACCEPTABLE, text="the code is wrong")
_NO_CODE = Failure(Reason.NOT_ACCEPTABLE, text="the code is wrong or too old, register the telephone again")
_FAILURES = {Proof.RIGHT: None, Proof.WRONG: _WRONG_CODE, Proof.NONE: _NO_CODE}


class Registry:
    """Registrations at one component.

    :param write: takes stanzas.
    """

    _log = Logger()

    def __init__(self, component: Component, office: Office, write: Callable[[bytes], None]) -> None:
        self._component = component
        self._office = office
        self._write = write

    def takes(self, iq: Element) -> bool:
        """Whether an iq is a registration; then it is answered here."""
        type, query = attribute(iq, "type"), child(iq, "query", NS_REGISTER)
        if query is None or type not in ("get", "set"):
            return False
        try:
            user, target = address_of_jid(attribute(iq, "from")).bare(), address_of_jid(attribute(iq, "to"))
        except JidFault:
            return False  # is told so by whoever reads all others
        if target.user or target.domain != self._component.domain or user.domain in self._component.ours:
            return False
        if type == "get":
            self._write(octets_of(describe_registration(
                iq, self._component, self._office.phone_of(user), self._office.waiting_for(user))))
            return True
        done = Deferred.fromCoroutine(self._set(query, user))
        done.addCallback(lambda failure: self._answer(iq, failure))
        done.addErrback(lambda fault: self._broken(iq, fault))
        return True

    async def _set(self, query: Element, user: Address) -> Failure | None:
        if wants_removal(query):
            failure = await self._office.unlink(user)
            if failure is None:
                self._write(farewell(jid_of_address(user), self._component))
            return failure
        try:
            phone, code = registration_in(query)
        except FormFault as fault:
            return Failure(Reason.MALFORMED, text=str(fault))
        if code:
            return _FAILURES[await self._office.prove(user, code)]
        number = self._office.number_of(phone)
        return await self._office.send_code(user, number) if number else _NO_NUMBER

    def _answer(self, iq: Element, failure: Failure | None) -> None:
        if failure is None:
            self._write(octets_of(reply(iq, self._component, "result")))
        else:
            self._write(octets_of(error_reply(iq, self._component, failure)))

    def _broken(self, iq: Element, fault: Fault) -> None:
        self._log.failure("A registration could not be done", fault)
        self._answer(iq, Failure(Reason.INTERNAL))
