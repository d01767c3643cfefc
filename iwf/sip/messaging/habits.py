"""What SIP users are known to understand, by what they sent and what they refused.  Pure.

Kept in memory: what is forgotten costs one refused request more.
"""

from __future__ import annotations

from attrs import define, field

from iwf.mapping import cpim
from iwf.mapping.model import Address
from iwf.sip.messaging.markup import MARKUP

MOST = 20_000
"""Users that are remembered; those of whom nothing was heard for longest are forgotten."""


@define
class Habit:
    """What is known of one user."""

    has_written: bool = False
    takes_cpim: bool | None = None
    """None: nobody has tried."""
    takes_typing: bool = True
    markup: str = ""
    """How he takes it, as in :attr:`~iwf.sip.settings.TrunkSettings.html`; empty: as his trunk has it (MSG-23)."""
    takes_its_call_ids: bool = True
    """A Call-ID that the user's agent has made itself is no loop to it."""


_UNKNOWN = Habit()


@define
class Habits:
    """All of them, by address: SIP users spell themselves in several ways, so case does not count."""

    _known: dict[str, Habit] = field(factory=dict, init=False)

    def of(self, user: Address) -> Habit:
        """What is known of a user; not to be changed."""
        return self._known.get(user.key.casefold(), _UNKNOWN)

    def wants_typing(self, user: Address) -> bool:
        """COMP-4: only who has written to us, and only until he refuses."""
        habit = self.of(user)
        return habit.has_written and habit.takes_typing

    def wrote(self, user: Address, content_type: str | None, accept: str | None) -> None:
        """A user has sent a MESSAGE with these values of Content-Type and Accept."""
        habit = self._habit(user)
        habit.has_written = True                                     # COMP-4
        # A user who refused once may have got another agent: what he sends counts more.
        if (content_type and cpim.TYPE in content_type.lower()) or (accept and cpim.TYPE in accept.lower()):
            habit.takes_cpim = True

    def refused_cpim(self, user: Address) -> None:
        """A user has answered 415 to a wrapped text (RCPT-2)."""
        self._habit(user).takes_cpim = False

    def refused_typing(self, user: Address) -> None:
        """A user has refused to hear that somebody types (COMP-4)."""
        self._habit(user).takes_typing = False

    def refused_call_id(self, user: Address) -> None:
        """A user has answered 482 to a Call-ID that may be his own (MSG-3)."""
        self._habit(user).takes_its_call_ids = False

    def refused(self, user: Address, content_type: str, accept: str) -> bool:
        """A user has answered 415 to such a content.

        :param accept: what he says that he takes instead.
        :return: whether a text with markup has another form for him than the refused one.
        """
        habit, accept = self._habit(user), accept.lower()
        if cpim.TYPE in accept:
            habit.takes_cpim = True
        before, is_rich = habit.markup, content_type.startswith((MARKUP, "multipart/"))
        # MSG-23: from nothing known to HTML alone to plain text, never back, or two refusals might alternate.
        if content_type.startswith(MARKUP) or (content_type.startswith("multipart/") and MARKUP not in accept):
            habit.markup = "never"
        elif not before and MARKUP in accept:
            habit.markup = "only"
        return is_rich or habit.markup != before

    def _habit(self, user: Address) -> Habit:
        key = user.key.casefold()
        habit = self._known.pop(key, None) or Habit()
        self._known[key] = habit
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]
        return habit
