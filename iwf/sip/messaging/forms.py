"""What a refusal teaches about a user, and whether the refused item has another form for him.  Pure."""

from __future__ import annotations

from iwf.mapping.model import Address, Composing, Item, Message, Notification, Report
from iwf.sip.messaging.author import ref_of_request
from iwf.sip.messaging.habits import Habits
from iwf.sip.messaging.rich import markup_of
from iwf.sip.syntax.message import Request, Response


def has_other_form(item: Item, request: Request, refusal: Response, habits: Habits) -> bool:
    """Learn from a refusal.

    :param request: the item as it was refused.
    :return: whether it will be written differently from now on, and so is worth another request.
    """
    if refusal.status == 482:
        return _of_call_id(item, request, habits)
    if refusal.status == 415:
        return _of_content(item, request, refusal, habits)
    return False


def _of_content(item: Item, request: Request, refusal: Response, habits: Habits) -> bool:
    """The target does not take such content (RCPT-2, COMP-4, MSG-23)."""
    payload = item.payload
    if isinstance(payload, Composing):
        habits.refused_typing(payload.target)
    elif isinstance(payload, Message) and ref_of_request(item, request):
        habits.refused_cpim(payload.target)
        return True
    elif isinstance(payload, Message):
        is_other = habits.refused(payload.target, request.get("Content-Type") or "", refusal.get("Accept") or "")
        return is_other and bool(markup_of(payload))
    return False


def _of_call_id(item: Item, request: Request, habits: Habits) -> bool:
    """The target takes it for a loop: JsSIP and SIP.js do, when a Call-ID is one that they have made (MSG-3)."""
    payload = item.payload
    if not isinstance(payload, Message | Report | Composing) or request.call_id != payload.conversation:
        return False
    habits.refused_call_id(_recipient(payload))
    return True


def _recipient(payload: Message | Report | Composing | Notification) -> Address:
    return payload.target if isinstance(payload, Message | Composing) else payload.recipient
