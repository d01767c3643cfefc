"""What an SMSC tells of phones without being asked: alert_notification (SMPP 3.4 4.12).  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from iwf.mapping.model import PhoneSeen
from iwf.smpp.numbers import address_of_sme
from iwf.smpp.settings import LinkSettings
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import Alert, tlv_number

#: ms_availability_status (SMPP 3.4 5.3.2.30): is the phone there?
_AVAILABLE: Mapping[int, bool] = {0: True, 1: False, 2: False}


def alert_of(alert: Alert, link: LinkSettings) -> PhoneSeen | None:
    """What an alert_notification says; None when it names no phone.

    An alert without a status is sent when the phone has become available.
    """
    phone = address_of_sme(alert.source, link)
    status = tlv_number(alert.tlvs, c.TLV_MS_AVAILABILITY_STATUS)
    return None if phone is None else PhoneSeen(phone, _AVAILABLE.get(status or 0, False), link.lane)
