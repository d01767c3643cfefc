"""Phones among watchers and presentities: the core itself stands for them.

Nobody is connected that could be asked about a phone, or told.  What there is to see of a phone
follows from its row, as from a state that it publishes (PUB-5), and whatever the machinery of
presence would send to a connector goes to :data:`PHONES` of their tenant, where :mod:`iwf.mapping.service.letters`
makes texts of it or drops it.
"""

from __future__ import annotations

from iwf.mapping.model import TEL, Address, Device, Note, Show
from iwf.mapping.rows import Subscriber, View
from iwf.mapping.settings import Gateway

#: Before the name of a tenant: the connector that stands for his phones.  No item for it ever
#: reaches the outbox.
PHONES = "phones:"

#: The one device of a phone, as it is shown.
INSTANCE = "sms"

#: SMSP-2: what is shown of a phone that says nothing about itself.
STATUS = "on SMS"


def is_phone(address: Address) -> bool:
    """Whether the core stands for this watcher or presentity."""
    return address.scheme == TEL


def published_by(phone: str, tenant: str, subscriber: Subscriber | None, gateway: Gateway) -> View | None:
    """What there is to see of a phone (SMSP-2, SMSP-6); None for one that has no presence (SMSP-7).

    :param phone: the key of its address.
    """
    if subscriber is None or not subscriber.registered:
        if gateway.service.unregistered != "grant":
            return None
        return View("", phone, tenant, known=True)  # SMSP-5: never available
    if not subscriber.online or not subscriber.reachable:
        return View("", phone, tenant, known=True)
    device = Device(INSTANCE, show=Show.ONLINE, notes=(Note(subscriber.status or STATUS),),
                    at=subscriber.changed)
    return View("", phone, tenant, (device,), known=True)
