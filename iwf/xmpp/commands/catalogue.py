"""The commands themselves (XMPP-30..33).  Pure: what they do is done by an :class:`Office`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from iwf.mapping.model import Address, Failure
from iwf.xmpp.commands.codes import TRIES, Proof
from iwf.xmpp.commands.dialogs import Ask, Command, Do, Done, Script
from iwf.xmpp.commands.forms import Answers, Field, Form, first_of
from iwf.xmpp.jid import jid_of_address

_PHONE = Field("phone", "Your telephone number", required=True,
               description="With country code, such as +4915112345678")
_CODE = Field("code", "The code from the text", required=True)

Outcome = Any
"""Of work: None when it is done, or a Failure; or a Deferred of either."""


class Office(Protocol):
    """What commands can have done."""

    def number_of(self, text: str) -> str:
        """A telephone number in its one spelling; empty when the text is none."""

    def phone_of(self, user: Address) -> str:
        """The number that a user has proved to be his; empty: none."""

    def send_code(self, user: Address, number: str) -> Outcome:
        """Send a code to a phone."""

    def prove(self, user: Address, code: str) -> Any:
        """Whether a code is right, as :class:`Proof`, or a Deferred of it; the phone is his then."""

    def unlink(self, user: Address) -> Outcome:
        """The user's phone is not his any more; its account is withdrawn."""

    def send_text(self, user: Address, number: str, text: str) -> Outcome:
        """Send a text as the user himself."""

    def contacts(self, number: str) -> tuple[tuple[str, str], ...]:
        """Numbers and contacts of a phone."""

    def account_of(self, number: str) -> str:
        """The bare JID that a phone is; empty: none."""

    def enrol(self, number: str, jid: str, password: str) -> Outcome:
        """Log in to an account for a phone."""

    def withdraw(self, number: str) -> Outcome:
        """Log out, and forget the account."""

    def links(self) -> tuple[tuple[str, str, str], ...]:
        """Connectors, whether they are up, and how much waits for them."""

    def stats(self) -> tuple[tuple[str, str], ...]:
        """Names and figures."""

    def release(self, phone: str, number: str) -> Outcome:
        """Take a number from a pair of phone and contact."""


def commands_of(office: Office, phones: bool, accounts: bool) -> tuple[Command, ...]:
    """The commands of a component.

    :param phones: it is the one behind which phones are.
    :param accounts: subscribers can enrol their accounts.
    """

    def command(node: str, name: str, script: Callable[[Office, Address], Script], admin: bool = False) -> Command:
        return Command(node, name, partial(script, office), admin)

    found: list[Command] = []
    if phones:
        found += [command("register-phone", "Register your telephone", _register),
                  command("verify", "Enter the code from the text", _verify),
                  command("unregister-phone", "Unregister your telephone", _unregister),
                  command("send-sms", "Send a text to a telephone", _send),
                  command("list-contacts", "Contacts of your telephone", _contacts)]
        if accounts:
            found += [command("enrol-account", "Use your telephone as your XMPP account", _enrol),
                      command("withdraw-account", "No longer use your telephone as your XMPP account", _withdraw)]
        found.append(command("release-number", "Release a number of a telephone", _release, True))
    found += [command("stats", "Statistics", _stats, True), command("links", "Connections", _links, True)]
    return tuple(found)


# --- a phone of one's own (XMPP-32) -------------------------------------------------------------------


def _register(office: Office, user: Address) -> Script:
    form = Form("Register your telephone", (_PHONE,), "A code will be sent to the telephone.")
    answers: Answers = yield Ask(form)
    number = office.number_of(first_of(answers, "phone"))
    while not number:
        answers = yield Ask(form, "This is no telephone number.")
        number = office.number_of(first_of(answers, "phone"))
    failure: Failure | None = yield Do(partial(office.send_code, user, number))
    if failure is not None:
        return _failed(failure)
    return (yield from _proved(office, user, f"A code was sent to {number}."))


def _verify(office: Office, user: Address) -> Script:
    return (yield from _proved(office, user, "A code was sent to your telephone."))


def _proved(office: Office, user: Address, instructions: str) -> Script:
    form, fault = Form("Enter the code", (_CODE,), instructions), ""
    for _ in range(TRIES):
        answers: Answers = yield Ask(form, fault, is_last=True)
        proof: Proof = yield Do(partial(office.prove, user, first_of(answers, "code")))
        if proof is Proof.RIGHT:
            return Done(f"{office.phone_of(user)} is your telephone.")
        if proof is Proof.NONE:
            break
        fault = "The code is wrong."
    return Done(fault="The code is wrong or too old. Register your telephone again.")


def _unregister(office: Office, user: Address) -> Script:
    number = office.phone_of(user)
    if not number:
        return _NO_PHONE
    failure: Failure | None = yield Do(partial(office.unlink, user))
    return Done(f"{number} is not registered any more.") if failure is None else _failed(failure)


_NO_PHONE = Done(fault="Register your telephone first.")


# --- texts -----------------------------------------------------------------------------------------------


def _send(office: Office, user: Address) -> Script:
    form = Form("Send a text", (Field("to", "Telephone number", required=True),
                                Field("text", "Text", "text-multi", required=True)))
    answers: Answers = yield Ask(form, is_last=True)
    number = office.number_of(first_of(answers, "to"))
    while not number:
        answers = yield Ask(form, "This is no telephone number.", is_last=True)
        number = office.number_of(first_of(answers, "to"))
    text = "\n".join(answers.get("text", ()))
    failure: Failure | None = yield Do(partial(office.send_text, user, number, text))
    return Done("The text is on its way.") if failure is None else _failed(failure)


def _contacts(office: Office, user: Address) -> Script:
    number = office.phone_of(user)
    if not number:
        return _NO_PHONE
    found = office.contacts(number)
    if not found:
        return Done(f"{number} has no contacts yet.")
    fields = (Field("number", "Number"), Field("contact", "Contact"))
    return Done(form=Form(f"Contacts of {number}", fields, type="result", rows=found))
    yield  # a script is a generator, also one that asks for nothing


# --- an account of one's own -------------------------------------------------------------------------


def _enrol(office: Office, user: Address) -> Script:
    number = office.phone_of(user)
    if not number:
        return _NO_PHONE
    form = Form(
        f"Use {number} as your account",
        (Field("jid", "Account", "jid-single", (jid_of_address(user.bare()),), required=True),
         Field("password", "Password", "text-private", required=True)),
        "The gateway will be logged in to the account from now on, and keep the password encrypted.")
    answers: Answers = yield Ask(form, is_last=True)
    jid, password = first_of(answers, "jid"), answers["password"][0]
    failure: Failure | None = yield Do(partial(office.enrol, number, jid, password))
    return Done(f"{number} is {office.account_of(number)} now.") if failure is None else _failed(failure)


def _withdraw(office: Office, user: Address) -> Script:
    number = office.phone_of(user)
    if not number:
        return _NO_PHONE
    if not office.account_of(number):
        return Done(fault=f"{number} has no account.")
    failure: Failure | None = yield Do(partial(office.withdraw, number))
    return Done(f"{number} has no account any more.") if failure is None else _failed(failure)


# --- for administrators --------------------------------------------------------------------------------


def _stats(office: Office, user: Address) -> Script:
    fields = tuple(Field(name, name, values=(value,)) for name, value in office.stats())
    return Done(form=Form("Statistics", fields, type="result"))
    yield  # as above


def _links(office: Office, user: Address) -> Script:
    fields = (Field("name", "Connection"), Field("state", "State"), Field("waiting", "Waiting"))
    return Done(form=Form("Connections", fields, type="result", rows=office.links()))
    yield  # as above


def _release(office: Office, user: Address) -> Script:
    form = Form("Release a number", (Field("phone", "Telephone", required=True),
                                     Field("number", "The number that it writes to", required=True)))
    answers: Answers = yield Ask(form, is_last=True)
    phone = office.number_of(first_of(answers, "phone")) or first_of(answers, "phone")
    failure: Failure | None = yield Do(partial(office.release, phone, first_of(answers, "number")))
    return Done("The number is free.") if failure is None else _failed(failure)


def _failed(failure: Failure) -> Done:
    return Done(fault=(failure.text or failure.reason.value).rstrip(".") + ".")
