"""Reading what a phone writes to the service number (SMSP-1)."""

from __future__ import annotations

import re

from attrs import frozen

from iwf.mapping.service.catalogue import Word
from iwf.mapping.service.settings import Service

#: The first word, and the rest without the space around it.  Phones like to end words with a stop.
_COMMAND = re.compile(r"\s*(\S+?)[.!,:]*(?:\s+(.*))?", re.DOTALL)

#: An address and a text.
_ADDRESSED = re.compile(r"(\S+)\s+(\S.*)", re.DOTALL)


@frozen
class Command:
    """A command and what stands behind it."""

    word: Word
    rest: str = ""


def command_of(text: str, service: Service) -> Command | None:
    """The command that a text is, in any language; None for another text."""
    found = _COMMAND.fullmatch(text)
    if found is None:
        return None
    first = found[1].casefold()
    word = service.vocabulary.get(first)
    if word is None and first in service.stop_words:
        word = Word.STOP
    return None if word is None else Command(word, (found[2] or "").strip())


def addressed(rest: str) -> tuple[str, str] | None:
    """The address and the text behind TO; None when one of them is missing."""
    found = _ADDRESSED.fullmatch(rest)
    return None if found is None else (found[1], found[2])


def is_stop(text: str, service: Service) -> bool:
    """Whether a text to any number is nothing but a word that opts out."""
    return _bare(text) in service.stop_words


def is_start(text: str, service: Service) -> bool:
    """Whether a text to any number is nothing but the word that takes an opt-out back."""
    return service.vocabulary.get(_bare(text)) is Word.START


def _bare(text: str) -> str:
    return text.strip().rstrip(".!").casefold() if len(text) < 40 else ""


def without_prefix(text: str, service: Service) -> str | None:
    """The rest of a text that asks for a receipt by its beginning; None where it does not."""
    prefix = service.receipt_prefix
    start = text[:len(prefix)]
    if not prefix or start.casefold() != prefix:
        return None
    return text[len(prefix):].lstrip()
