"""Presence as documents for SIP watchers (PIDF-1, PIDF-11).  Pure."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping import pidf
from iwf.mapping.model import Address, Device, Presence
from iwf.sip.address import NoImage, uri_of_address
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.uri import Uri


def document_of(presence: Presence, presentity: Uri, now: float, number: int) -> bytes:
    """The document that shows a presence.

    :param presentity: as the watcher knows him.
    :param now: UTC seconds.
    :param number: of the NOTIFY in its dialog, so that no two documents in a row are alike (RFC 3863 4.1.7).
    """
    entity = _entity(presentity)
    if not presence.known:
        closed = bool(presence.devices) and not any(device.open for device in presence.devices)
        return pidf.neutral(entity, False if closed else None, presence.notice)
    owner = presence.origin.address.bare()
    devices = presence.devices or (Device(open=False),)              # PRES-33: the last one that left is still shown
    return pidf.build(entity, devices, presence.aspects, now=now, number=number,
                      contact_of=lambda device: _contact(device, owner, presence.origin_spelling))


def _entity(uri: Uri) -> str:
    """PIDF-1: the presentity as a pres: URI, which has neither port nor parameters; a phone stays one."""
    if uri.scheme == "tel":
        return str(uri)
    return str(Uri("pres", uri.user, host=uri.host))


def _contact(device: Device, owner: Address, spelling: str) -> str:
    """How one device is reached: by the address of its user, with its name in ``gr`` (ADDR-32)."""
    try:
        return str(uri_of_address(evolve(owner, instance=device.instance), spelling))
    except (NoImage, SipSyntaxError):
        return ""
