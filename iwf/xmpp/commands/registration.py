"""In-band registration of a telephone (XEP-0077, XMPP-31): the older way, which more clients know.  Pure.

The number is registered when the code is entered that was sent to it (XMPP-32); between the two the
form asks for the code.
"""

from __future__ import annotations

from twisted.words.xish.domish import Element

from iwf.xmpp.commands.forms import Answers, Field, Form, add_form, first_of, read_answers
from iwf.xmpp.disco import NS_REGISTER
from iwf.xmpp.elements import Component, add, child, legal_text, make, octets_of, reply, text_of

_FORM_TYPE = Field("FORM_TYPE", type="hidden", values=(NS_REGISTER,))
_CODE = Field("code", "The code from the text", required=True)


def describe_registration(iq: Element, component: Component, number: str, waiting_for: str) -> Element:
    """What there is to fill in.

    :param number: the phone that is registered; empty: none.
    :param waiting_for: where a code was sent to; empty: nowhere.
    """
    answer = reply(iq, component, "result")
    query = add(answer, "query", uri=NS_REGISTER)
    if number:
        add(query, "registered")
    text = (f"Enter the code that was sent to {waiting_for}." if waiting_for else
            "Enter your telephone number. A code will be sent to it, which you enter at the next registration.")
    add(query, "instructions", legal_text(text))
    # Clients without forms know <phone/>; there is no such element for a code, so <misc/> it is.
    add(query, "misc" if waiting_for else "phone", number if not waiting_for else "")
    phone = Field("phone", "Your telephone number", values=(number,) if number else (), required=True)
    add_form(query, Form("Your telephone", (_FORM_TYPE, _CODE if waiting_for else phone), text))
    return answer


def wants_removal(query: Element) -> bool:
    """Whether the user wants to be registered no more."""
    return child(query, "remove", NS_REGISTER) is not None


def registration_in(query: Element) -> tuple[str, str]:
    """The number and the code that are filled in; empty where they are not.

    :raises FormFault: for a form that is none.
    """
    answers: Answers = read_answers(query)
    if answers:
        return first_of(answers, "phone"), first_of(answers, "code")
    phone, misc = child(query, "phone", NS_REGISTER), child(query, "misc", NS_REGISTER)
    return ("" if phone is None else text_of(phone).strip()), ("" if misc is None else text_of(misc).strip())


def farewell(jid: str, component: Component) -> bytes:
    """What a user who is registered no more is sent (XEP-0100 4.3): the gateway leaves his roster alone."""
    types = ("unsubscribe", "unsubscribed", "unavailable")
    return b"".join(octets_of(make("presence", type=type, **{"from": component.spelling}, to=jid)) for type in types)
