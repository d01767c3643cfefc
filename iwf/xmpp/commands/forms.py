"""Data forms: what is asked and what is answered (XEP-0004).  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen
from twisted.words.xish.domish import Element

from iwf.errors import IwfError
from iwf.xmpp.elements import add, attribute, child, children, legal_attribute, legal_text, text_of

NS_DATA = "jabber:x:data"

#: Fields of an answer that are read, values of one, and characters of one: no form of ours has more.
MOST_FIELDS = 50
MOST_VALUES = 50
LONGEST = 10_000

Answers = Mapping[str, tuple[str, ...]]
"""Values by field."""


class FormFault(IwfError):
    """An answer that is none; its text may be shown to the user."""


@frozen
class Field:
    """One thing that is asked, or told."""

    var: str
    label: str = ""
    type: str = "text-single"
    values: tuple[str, ...] = ()
    required: bool = False
    options: tuple[str, ...] = ()
    """For ``list-single``: what may be chosen."""
    description: str = ""


@frozen
class Form:
    """What is shown: questions (type ``form``) or a result, which may be a table."""

    title: str
    fields: tuple[Field, ...] = ()
    instructions: str = ""
    type: str = "form"
    rows: tuple[tuple[str, ...], ...] = ()
    """Of a result: the values of ``fields``, row by row."""


def add_form(parent: Element, form: Form) -> None:
    """Append a form (XEP-0004 sections 3.1 to 3.4)."""
    x = add(parent, "x", uri=NS_DATA, type=form.type)
    add(x, "title", legal_text(form.title))
    if form.instructions:
        add(x, "instructions", legal_text(form.instructions))
    if form.rows:
        reported = add(x, "reported")
        for field in form.fields:
            add(reported, "field", var=field.var, label=field.label, type=field.type)
        for row in form.rows:
            item = add(x, "item")
            for field, value in zip(form.fields, row, strict=True):
                add(add(item, "field", var=field.var), "value", legal_text(value))
        return
    for field in form.fields:
        _add_field(x, field)


def _add_field(x: Element, field: Field) -> None:
    element = add(x, "field", var=field.var, type=field.type, label=legal_attribute(field.label))
    if field.description:
        add(element, "desc", legal_text(field.description))
    for value in field.values:
        add(element, "value", legal_text(value))
    for option in field.options:
        add(add(element, "option", label=option), "value", option)
    if field.required:
        add(element, "required")


def read_answers(parent: Element) -> Answers:
    """The answers in a submitted form; none when there is no form.

    :raises FormFault: for a form that is not submitted, or is beyond all measure.
    """
    x = child(parent, "x", NS_DATA)
    if x is None:
        return {}
    if attribute(x, "type") != "submit":
        raise FormFault("the form is not submitted")
    answers: dict[str, tuple[str, ...]] = {}
    for field in children(x):
        var = attribute(field, "var")
        if field.name != "field" or field.uri != NS_DATA or not var:
            continue
        values = tuple(text_of(value) for value in children(field)
                       if value.name == "value" and value.uri == NS_DATA)
        if len(answers) >= MOST_FIELDS or len(values) > MOST_VALUES or any(len(one) > LONGEST for one in values):
            raise FormFault("the form is too large")
        answers[var] = values
    return answers


def check_answers(form: Form, answers: Answers) -> None:
    """Whether everything is answered that has to be, with what may be chosen.

    :raises FormFault: naming the field.
    """
    for field in form.fields:
        given = [value for value in answers.get(field.var, ()) if value.strip()]
        if field.required and not given:
            raise FormFault(f"{field.label or field.var}: is required")
        if field.options and any(value not in field.options for value in given):
            raise FormFault(f"{field.label or field.var}: is none of the choices")
        if len(given) > 1 and not field.type.endswith("-multi"):
            raise FormFault(f"{field.label or field.var}: has more than one value")


def first_of(answers: Answers, var: str) -> str:
    """The first value of a field without the space around it, or empty."""
    values = answers.get(var, ())
    return values[0].strip() if values else ""
