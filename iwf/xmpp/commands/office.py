"""Does what commands ask for: with the core, with accounts, with what is remembered (shell)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from iwf.edge import IInsight, IIntake, IMemory
from iwf.ids import Ids
from iwf.mapping.model import (
    TEL,
    XMPP,
    Address,
    Body,
    Failure,
    Message,
    Party,
    Reason,
    Refused,
    Released,
    Remember,
    Told,
    Verdict,
)
from iwf.xmpp.client.accounts import FOR_EVER, Accounts
from iwf.xmpp.commands.codes import LIFETIME, Codes, Hourly, Proof
from iwf.xmpp.elements import Component

MOST_LOGINS = 5
"""Accounts an hour that one phone may try to enrol: the gateway is nobody's means of guessing passwords."""

_TOO_MANY_LOGINS = Failure(Reason.POLICY, text="too many logins were tried, try again in an hour")
_TOO_MANY = Failure(Reason.POLICY, text="too many codes were asked for, try again in an hour")
_NOT_REGISTERED = Failure(Reason.REGISTRATION_REQUIRED, text="no telephone is registered")
_NOT_HERE = Failure(Reason.NOT_SUPPORTED, text="accounts cannot be enrolled here")
_NOT_NOW = Failure(Reason.CONGESTED, permanent=False, text="this cannot be done now, try again later")

Answer = Deferred[Failure | None]


class Office:
    """See :class:`iwf.xmpp.commands.catalogue.Office`.

    :param memory: has whose phones are whose.
    :param accounts: None where nobody can enrol.
    """

    def __init__(self, component: Component, clock: IReactorTime, intake: IIntake, ids: Ids, memory: IMemory,
                 insight: IInsight, accounts: Accounts | None) -> None:
        self._component = component
        self._clock = clock
        self._intake = intake
        self._ids = ids
        self._insight = insight
        self._accounts = accounts
        self._codes = Codes(ids)
        self._logins = Hourly()
        self._edge = f"{component.lane} phones"
        self._phones = dict(memory.recall(self._edge))

    # --- phones ---------------------------------------------------------------------------------------

    def number_of(self, text: str) -> str:
        """Global numbers only: those of an operator mean something else at another one."""
        digits = "".join(c for c in text.removeprefix("tel:") if c not in " -.()/")
        number = f"+{digits[2:]}" if digits.startswith("00") else digits
        rest = number[1:]
        return number if number.startswith("+") and rest.isascii() and rest.isdigit() and 3 <= len(rest) <= 15 else ""

    def phone_of(self, user: Address) -> str:
        return self._phones.get(user.key, "")

    def send_code(self, user: Address, number: str) -> Answer:
        code = self._codes.issue(user.key, number, self._clock.seconds())
        if code is None:
            return succeed(_TOO_MANY)
        text = f"{code.text} is your code for {self._component.spelling}. Do not pass it on."
        until = self._clock.seconds() + LIFETIME
        told = self._offer(Told(Address(TEL, number), text, user, self._component.lane, until))

        def sent(failure: Failure | None) -> Failure | None:
            if failure is not None:
                self._codes.forget(user.key)
            return failure

        return told.addCallback(sent)

    def prove(self, user: Address, code: str) -> Deferred[Proof]:
        proof, number = self._codes.prove(user.key, code, self._clock.seconds())
        if proof is not Proof.RIGHT:
            return succeed(proof)
        return Deferred.fromCoroutine(self._link(user.key, number))

    async def _link(self, user: str, number: str) -> Proof:
        """The phone is his from now on, and nobody else's; an account lives as long as its link."""
        if await self._offer(Remember(self._edge, user, number, FOR_EVER)) is not None:
            return Proof.NONE
        before, self._phones[user] = self._phones.get(user, number), number
        others = [other for other, phone in self._phones.items() if phone == number and other != user]
        for other in others:
            del self._phones[other]
            await self._offer(Remember(self._edge, other, "", 0.0))
        if others:
            await self.withdraw(number)
        if before != number:
            await self.withdraw(before)
        return Proof.RIGHT

    def waiting_for(self, user: Address) -> str:
        """The number to which a code was sent that a user has still to enter; empty: none."""
        return self._codes.waiting(user.key, self._clock.seconds())

    def unlink(self, user: Address) -> Answer:
        return Deferred.fromCoroutine(self._unlink(user.key))

    async def _unlink(self, user: str) -> Failure | None:
        number = self._phones.pop(user, "")
        if not number:
            return _NOT_REGISTERED
        await self.withdraw(number)
        return await self._offer(Remember(self._edge, user, "", 0.0))

    # --- texts and contacts ---------------------------------------------------------------------------

    def send_text(self, user: Address, number: str, text: str) -> Answer:
        target = Address(XMPP, number, self._component.domain)
        return self._offer(Message(self._ids.token(), Party(user, asserted_by=self._component.lane), target,
                                   (Body(text),), lane=self._component.lane))

    def contacts(self, number: str) -> tuple[tuple[str, str], ...]:
        return tuple((leased, _shown(contact)) for leased, contact in self._insight.contacts(Address(TEL, number)))

    # --- accounts ---------------------------------------------------------------------------------------

    @property
    def takes_accounts(self) -> bool:
        """Whether subscribers can enrol accounts."""
        return self._accounts is not None and self._accounts.is_offered

    def account_of(self, number: str) -> str:
        return self._accounts.account_of(number) if self._accounts is not None else ""

    def enrol(self, number: str, jid: str, password: str) -> Answer:
        if self._accounts is None:
            return succeed(_NOT_HERE)
        now = self._clock.seconds()
        if not self._logins.may(number, MOST_LOGINS, now):
            return succeed(_TOO_MANY_LOGINS)
        self._logins.note(number, now)
        return self._accounts.enrol(number, jid, password, self._component.lane)

    def withdraw(self, number: str) -> Answer:
        return self._accounts.withdraw(number) if self._accounts is not None else succeed(_NOT_HERE)

    # --- for administrators ------------------------------------------------------------------------------

    def links(self) -> tuple[tuple[str, str, str], ...]:
        return tuple((name, "up" if is_up else "down", str(waiting))
                     for name, is_up, waiting in self._insight.connectors())

    def stats(self) -> tuple[tuple[str, str], ...]:
        found = list(self._insight.connectors())
        uptime = max(0, int(self._clock.seconds() - self._component.started))
        return (("version", self._component.version), ("uptime in seconds", str(uptime)),
                ("connections up", str(_count(is_up for _, is_up, _ in found))),
                ("connections down", str(_count(not is_up for _, is_up, _ in found))),
                ("messages waiting", str(sum(waiting for _, _, waiting in found))),
                ("registered telephones", str(len(self._phones))))

    def release(self, phone: str, number: str) -> Answer:
        return self._offer(Released(Address(TEL, phone), number))

    def _offer(self, event: Any) -> Answer:
        answered: Callable[[Verdict], Failure | None] = _failure_of
        return self._intake.offer(event).addCallbacks(answered, lambda _: _NOT_NOW)


def _failure_of(verdict: Verdict) -> Failure | None:
    return verdict.failure if isinstance(verdict, Refused) else None


def _shown(address: Address) -> str:
    return f"{address.scheme}:{address.user}@{address.domain}" if address.domain else address.user


def _count(values: Iterable[bool]) -> int:
    return sum(values)
