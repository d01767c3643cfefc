"""Everybody who is logged in: enrolled, kept sealed, logged in again after a restart (shell)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from iwf.edge import IIntake, ILanes, IMemory
from iwf.ids import Ids
from iwf.mapping.model import TEL, Address, Enrolled, Failure, Reason, Refused, Remember, Verdict, Withdrawn
from iwf.xmpp.client.dialing import Dialer
from iwf.xmpp.client.login import LoginFailure
from iwf.xmpp.client.session import ClientSession
from iwf.xmpp.client.vault import Vault, VaultFault
from iwf.xmpp.elements import Component
from iwf.xmpp.jid import JidFault, address_of_jid, jid_of_address
from iwf.xmpp.settings import AccountsSettings

MEMORY = "xmpp-accounts"
"""Whose the remembered texts are."""
FOR_EVER = 9e12

_NO_KEY = Failure(Reason.NOT_SUPPORTED, text="accounts cannot be enrolled here")
_NO_JID = Failure(Reason.MALFORMED_ADDRESS, text="this is no JID of a user")
_NOT_THERE = Failure(Reason.FORBIDDEN, text="accounts of this domain cannot be enrolled here")
_BUSY = Failure(Reason.CONFLICT, permanent=False, text="this account is being logged in to already")
_TAKEN = Failure(Reason.CONFLICT, text="another phone has this account")
_NOBODY = Failure(Reason.UNKNOWN_RECIPIENT, text="the phone has no account")

#: Seconds until the core is told again of a remembered subscriber whom it could not note.
LATER = 30.0

Outcome = Failure | None


@define(eq=False)
class _Account:
    """One subscriber."""

    phone: str
    jid: str
    by: str
    session: ClientSession
    again: IDelayedCall | None = None
    """The next try to let the core know him."""

    def end(self) -> Deferred[None]:
        """Log out, for good; fires when the connection is gone."""
        if self.again is not None:
            self.again.cancel()
            self.again = None
        return self.session.stop()


class Accounts:
    """All client sessions.

    :param memory: has what earlier runs had remembered.
    """

    _log = Logger()

    def __init__(self, settings: AccountsSettings, version: str, dialer: Dialer, clock: Any, intake: IIntake,
                 lanes: ILanes, ids: Ids, memory: IMemory) -> None:
        self._settings = settings
        self._version = version
        self._dialer = dialer
        self._clock = clock
        self._intake = intake
        self._lanes = lanes
        self._ids = ids
        self._memory = memory
        self._vault = Vault(settings.keys, ids) if settings.keys else None
        self._is_stopped = False
        self._accounts: dict[str, _Account] = {}  # by number
        self._trying: dict[str, ClientSession | None] = {}  # by JID

    @property
    def is_offered(self) -> bool:
        """Whether anybody can enrol."""
        return self._vault is not None

    def account_of(self, number: str) -> str:
        """The bare JID that a phone is; empty: none."""
        account = self._accounts.get(number)
        return "" if account is None else account.jid

    # --- the life of the daemon --------------------------------------------------------------------

    def start(self) -> None:
        """Log everybody in who is remembered."""
        for number, text in self._memory.recall(MEMORY):
            try:
                kept = json.loads(text)
                jid, by, sealed = (str(kept[key]) for key in ("jid", "by", "sealed"))
                if self._vault is None:
                    raise VaultFault("there is no key")
                password = self._vault.open(sealed, _about(number, jid))
            except (ValueError, KeyError, TypeError, VaultFault) as fault:
                self._log.critical("The account of {number} stays logged out: {fault}", number=number,
                                   fault=fault)
                continue
            session = self._session(jid, password, lambda outcome: None)
            if session is not None:
                self._keep(_Account(number, jid, by, session))

    def stop(self) -> Deferred[None]:
        """Log everybody out; fires when all connections are gone."""
        self._is_stopped = True
        stopping = [account.end() for account in self._accounts.values()]
        stopping += [session.stop() for session in self._trying.values() if session is not None]
        return DeferredList(stopping).addCallback(lambda _: None)

    # --- subscribers come and go --------------------------------------------------------------------

    def enrol(self, number: str, jid: str, password: str, by: str) -> Deferred[Outcome]:
        """Make a phone a user, if his server lets us in.

        :param number: in canonical form, known to be the subscriber's.
        :param by: the connector over which he asked.
        :return: fires with None, or with why not.
        """
        try:
            address = address_of_jid(jid.strip()).bare()
            jid = jid_of_address(address)
        except JidFault:
            return succeed(_NO_JID)
        if self._vault is None:
            return succeed(_NO_KEY)
        if not address.user:
            return succeed(_NO_JID)
        if not any(_matches(pattern, address.domain) for pattern in self._settings.domains):
            return succeed(_NOT_THERE)
        if any(one.jid == jid and one.phone != number for one in self._accounts.values()):
            return succeed(_TAKEN)
        if jid in self._trying:
            return succeed(_BUSY)
        self._trying[jid] = None
        sealed = self._vault.seal(password, _about(number, jid))
        done = Deferred.fromCoroutine(self._enrol(number, jid, password, by, sealed))
        return done.addBoth(self._tried, jid)

    def _tried(self, outcome: Any, jid: str) -> Any:
        self._trying.pop(jid, None)
        return outcome

    async def _enrol(self, number: str, jid: str, password: str, by: str, sealed: str) -> Outcome:
        outcome: Deferred[LoginFailure | None] = Deferred()
        session = self._session(jid, password, outcome.callback)
        if session is None:
            return _NO_JID
        self._trying[jid] = session
        session.start()
        failed = await outcome
        if failed is not None:
            await session.stop()
            return failed.failure
        old = self._accounts.pop(number, None)
        if old is not None:
            await old.end()
        text = json.dumps({"jid": jid, "by": by, "sealed": sealed})
        # First what heals itself: who is remembered and not enrolled is enrolled at the next start.
        for event in (Remember(MEMORY, number, text, FOR_EVER), self._enrolment(number, jid, by)):
            verdict = await self._intake.offer(event)
            if isinstance(verdict, Refused):
                await session.stop()
                await self._forget(number)
                return verdict.failure
        other = self._accounts.get(number)  # enrolled meanwhile
        self._accounts[number] = _Account(number, jid, by, session)
        self._attach(jid, session)
        if other is not None:
            await other.end()
        return None

    def withdraw(self, number: str) -> Deferred[Outcome]:
        """Make a phone nobody but itself again; fires with None, or with why not."""
        return Deferred.fromCoroutine(self._withdraw(number))

    async def _withdraw(self, number: str) -> Outcome:
        account = self._accounts.get(number)
        if account is None:
            return _NOBODY
        failure = await self._forget(number)
        if failure is not None:
            return failure  # else the next start would log him in again
        if self._accounts.get(number) is account:
            del self._accounts[number]
        await account.end()
        return None

    async def _forget(self, number: str) -> Outcome:
        for event in (Withdrawn(Address(TEL, number)), Remember(MEMORY, number, "", 0.0)):
            verdict = await self._intake.offer(event)
            if isinstance(verdict, Refused):
                return verdict.failure
        return None

    # --- one account ---------------------------------------------------------------------------------

    def _keep(self, account: _Account) -> None:
        """Log a remembered subscriber in, once the core knows him (again)."""
        self._accounts[account.phone] = account
        account.again = None

        def enrolled(verdict: Verdict) -> None:
            if self._is_stopped or self._accounts.get(account.phone) is not account:
                return
            if isinstance(verdict, Refused) and not verdict.failure.permanent:
                account.again = self._clock.callLater(LATER, self._keep, account)
                return
            if isinstance(verdict, Refused):
                self._log.critical("{jid} stays logged out: {why}", jid=account.jid, why=verdict.failure.text)
                del self._accounts[account.phone]
                return
            self._attach(account.jid, account.session)
            account.session.start()

        self._intake.offer(self._enrolment(account.phone, account.jid, account.by)).addCallback(enrolled)

    def _attach(self, jid: str, session: ClientSession) -> None:
        session.enrolled(self._lanes.attach(lane_of(jid), session, keeps_order=True))

    def _enrolment(self, number: str, jid: str, by: str) -> Enrolled:
        return Enrolled(Address(TEL, number), address_of_jid(jid), lane_of(jid), by)

    def _session(self, jid: str, password: str,
                 told: Callable[[LoginFailure | None], None]) -> ClientSession | None:
        try:
            domain = address_of_jid(jid).domain
        except JidFault:
            return None
        # A user of his own domain who is a phone; who else is there is no matter of ours (LOOP-5).
        account = Component(domain, jid.rpartition("@")[2], lane_of(jid), TEL, frozenset(), is_user=True,
                            version=self._version, started=self._clock.seconds())
        return ClientSession(account, jid, password, self._settings, self._dialer, self._clock, self._intake,
                             self._ids, told)


def lane_of(jid: str) -> str:
    """The connector that is logged in as a user."""
    return f"xmpp-client:{jid}"


def _matches(pattern: str, domain: str) -> bool:
    return pattern in ("*", domain) or pattern.startswith("*.") and domain.endswith(pattern[1:])


def _about(number: str, jid: str) -> str:
    return f"{number} {jid}"
