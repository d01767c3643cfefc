"""Who watches whom, and what has passed between them."""

from __future__ import annotations

from collections import Counter

from attrs import define, field

from iwf.mapping.model import SIP, XMPP, Address, Event, Party, Presence
from tests.mapping.presence.peers import Document, Presentity, Watcher
from tests.support.sample import LANE_X, TRUNK, S, X


@define(eq=False)
class Couple:
    """A watcher, a presentity, and what is on its way from the latter."""

    watcher: Watcher
    presentity: Presentity
    news: list[Event] = field(factory=list)
    said: Document = field(factory=dict)
    """The latest document that the core was told."""
    is_broken: bool = False
    opened: Counter[str] = field(factory=Counter)
    """How often a device was to be told as available after it was not, and as gone."""
    ended: Counter[str] = field(factory=Counter)
    open: set[str] = field(factory=set)
    may_be_asked_twice: bool = False
    """An item was repeated, or may have been, or one question follows another: his answer may have
    been for the first."""

    @property
    def keys(self) -> tuple[str, str]:
        return self.watcher.party.address.key, self.presentity.party.address.key


def _image_in_xmpp(user: Address) -> Address:
    return Address(XMPP, f"{user.user}*{user.domain}", X)


def _image_in_sip(user: Address) -> Address:
    return Address(SIP, f"{user.user}*{user.domain}", S)


def sip_watches_xmpp(sip: Address, xmpp: Address) -> Couple:
    return Couple(
        Watcher(Party(sip, asserted_by=TRUNK), _image_in_sip(xmpp), TRUNK, told_per_leg=True),
        Presentity(Party(xmpp, asserted_by=LANE_X), _image_in_xmpp(sip), LANE_X, tells_whole=False))


def xmpp_watches_sip(xmpp: Address, sip: Address) -> Couple:
    return Couple(
        Watcher(Party(xmpp, asserted_by=LANE_X), _image_in_xmpp(sip), LANE_X, told_per_leg=False),
        Presentity(Party(sip, asserted_by=TRUNK), _image_in_sip(xmpp), TRUNK, tells_whole=True))


def note(couple: Couple, news: Presence) -> None:
    """Follow what the core is told."""
    everyone = news.whole or any(not device.open and not device.instance for device in news.devices)
    if everyone:
        couple.said = {}
    for device in news.devices:
        couple.said.pop(device.instance, None)
        if device.open:
            couple.said[device.instance] = device
