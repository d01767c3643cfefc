"""What the gateway itself has to say to a phone: a short text from its service number."""

from __future__ import annotations

from iwf.mapping.address import canonical, phone_of
from iwf.mapping.carriers import best_of, carriers_for
from iwf.mapping.message import admission
from iwf.mapping.model import TEL, Address, Body, Failure, Item, Message, Party, Reason, Taken, Told
from iwf.mapping.phone import may_text
from iwf.mapping.service.guards import guarded
from iwf.mapping.turn import At, Decision, Turn, refuse

_NO_PHONE = Failure(Reason.MALFORMED_ADDRESS, text="this is no telephone number")
_FORBIDDEN = Failure(Reason.FORBIDDEN, text="this domain is not served here",
                     detail="ADDR-25: the tenant does not serve the user's domain")
_NO_LINK = Failure(Reason.UNKNOWN_RECIPIENT, text="no way to this number",
                   detail="no link of the tenant serves the number and this user, or none has a service number")


def decide_told(event: Told, at: At) -> Decision:
    """The decision for a text of the gateway's own."""
    note = f"told {event.phone.key}"
    phone = phone_of(event.phone.user, event.phone.domain)
    tenant = at.gateway.directory.tenant_of(event.by)
    if phone is None:
        return refuse(_NO_PHONE, note)
    user = canonical(event.on_behalf, at.gateway)
    if tenant is None or not may_text(user, tenant, at.gateway):
        return refuse(_FORBIDDEN, note, ("ADDR-25",))
    link = best_of(tuple(link for link in carriers_for(phone, user, tenant, at.gateway)
                         if link.service_number), at)
    if link is None:
        return refuse(_NO_LINK, note)
    service = Address(TEL, link.service_number)
    stream = f"{service.key}|{phone.key}"
    failure = admission(link.lane, stream, at)
    if failure is not None:
        return refuse(failure, note)
    counted = yield from guarded(phone, user, tenant, at)
    if isinstance(counted, Failure):
        return refuse(counted, note, ("SMS-73", "SMS-74"))
    text = Message(at.token, Party(service), phone, (Body(event.text),), expires_at=event.expires_at)
    item = Item(f"{at.token}.g", link.lane, stream, text, "", at.now, expires_at=event.expires_at)
    return Turn(Taken(at.token), puts=counted, sends=(item,), note=f"{note} over {link.lane}")
