"""What the core knows of the configuration of the service for phones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from attrs import frozen

from iwf.mapping.service.catalogue import ENGLISH, Catalogue, Word

HOUR = 3600.0
DAY = 24 * HOUR


@frozen
class Service:
    """What phones are given by texts (presence.md section 5)."""

    catalogues: tuple[Catalogue, ...] = (ENGLISH,)
    """One a language."""
    session_idle: float = 8 * HOUR
    """Seconds without a text after which a phone is logged out (SMSP-2)."""
    yes_window: float = DAY
    """Seconds that a phone has to answer a question (SMSP-5)."""
    notice_gap: float = HOUR
    """Seconds between two notices about one contact (SMSP-4); also between two HELP texts (SMSP-1)."""
    presence_budget: int = 20
    """Notices to one phone a day, and as many questions (SMSP-4)."""
    quiet: tuple[int, int] | None = None
    """Minutes of the day, in the time zone of the link, from which and until which no notices go out."""
    unregistered: str = "refuse"
    """Who asks to see a phone that never logged in is told so (``refuse``), or may see that it is
    not available (``grant``) (SMSP-5)."""
    presence_from_receipts: bool = False
    """Receipts say whether a phone can be reached (SMSP-6)."""
    stop_words: frozenset[str] = frozenset({"stop", "stopall", "unsubscribe"})
    """By which a phone opts out, whatever number it writes them to, case folded."""
    receipt_prefix: str = "*r#"
    """A text of a phone that begins with this asks for a receipt; case folded, empty: none does."""

    @cached_property
    def vocabulary(self) -> Mapping[str, Word]:
        """The commands of all languages; English ones are understood everywhere."""
        words: dict[str, Word] = {}
        for catalogue in (ENGLISH, *self.catalogues):
            for word, spellings in catalogue.words.items():
                for spelling in spellings:
                    words.setdefault(spelling, word)
        return words

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are."""
        return tuple(catalogue.language for catalogue in self.catalogues)

    def catalogue(self, *wanted: str) -> Catalogue:
        """The catalogue of the first of these languages that there is, else the English one.

        :param wanted: language tags in any case; of ``de-AT``, ``de`` will do.
        """
        for tag in wanted:
            for name in (tag.lower(), tag.lower().partition("-")[0]):
                for catalogue in self.catalogues:
                    if catalogue.language == name:
                        return catalogue
        return ENGLISH


@frozen
class Guards:
    """What keeps the bill small (SMS-73)."""

    blocked: tuple[str, ...] = ()
    """Prefixes of numbers to which nothing is sent, such as those of premium services."""
    countries: tuple[str, ...] = ()
    """Prefixes of numbers to which texts may go; empty: to any."""
    sender_limit: int = 0
    """Texts of one sender to phones a day; 0: any number."""
    phone_limit: int = 0
    """Texts to one phone a day; 0: any number."""


@frozen
class NumberRoute:
    """A number that stands for one contact, whatever phone writes to it (SMS-60, ADDR-50)."""

    number: str
    contact: str
    """Key of his native address."""
    keyword: str = ""
    """Only for texts that begin with this word, case folded."""
