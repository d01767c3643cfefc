"""Presence, and lists of watchers, as documents for SIP users (PIDF-1, PIDF-11, RFC 3858).  Pure."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping import pidf
from iwf.mapping.model import Address, Device, Presence, Published, Tune, Watchers
from iwf.mapping.pidf.winfo import build_watchers
from iwf.sip.address import NoImage, uri_of_address
from iwf.sip.presence.told import Shown
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.uri import Uri


def document_of(shown: Shown, presentity: Uri, now: float, number: int) -> bytes:
    """The document that shows a presence, or who watches.

    :param presentity: as the watcher knows him.
    :param now: UTC seconds.
    :param number: of the NOTIFY in its dialog, so that no two documents in a row are alike (RFC 3863 4.1.7).
    """
    if isinstance(shown, Watchers):
        return _watchers(shown, presentity, number)
    return _presence(shown, presentity, now, number)


def without_tunes(told: Presence | Published) -> Presence | Published:
    """The same where nobody is to be told what somebody listens to (RICH-3)."""
    if any(isinstance(aspect, Tune) for aspect in told.aspects):
        return evolve(told, aspects=tuple(aspect for aspect in told.aspects if not isinstance(aspect, Tune)))
    return told


def _watchers(shown: Watchers, owner: Uri, number: int) -> bytes:
    listed = ((_uri(watcher.address), watcher.is_granted) for watcher in shown.watchers)
    return build_watchers(str(owner), [(uri, is_granted) for uri, is_granted in listed if uri], number - 1)


def _presence(presence: Presence, presentity: Uri, now: float, number: int) -> bytes:
    entity = _entity(presentity)
    if not presence.known:
        closed = bool(presence.devices) and not any(device.open for device in presence.devices)
        return pidf.neutral(entity, False if closed else None, presence.notice)
    owner = presence.origin.address.bare()
    devices = presence.devices or (Device(open=False),)              # PRES-33: the last one that left is still shown
    return pidf.build(entity, devices, presence.aspects, now=now, number=number, tune_as_note=True,
                      contact_of=lambda device: _contact(device, owner, presence.origin_spelling))


def _entity(uri: Uri) -> str:
    """PIDF-1: the presentity as a pres: URI, which has neither port nor parameters; a phone stays one."""
    if uri.scheme == "tel":
        return str(uri)
    return str(Uri("pres", uri.user, host=uri.host))


def _contact(device: Device, owner: Address, spelling: str) -> str:
    """How one device is reached: by the address of its user, with its name in ``gr`` (ADDR-32)."""
    return _uri(evolve(owner, instance=device.instance), spelling)


def _uri(address: Address, spelling: str = "") -> str:
    try:
        return str(uri_of_address(address, spelling))
    except (NoImage, SipSyntaxError):
        return ""
