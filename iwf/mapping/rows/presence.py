"""Who may see whom, who is being told, and what there is to see."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from iwf.mapping.model import Aspect, Device, Failure


@frozen
class Watch:
    """May this watcher see this presentity, and who is asked for it (the grant; for ever)."""

    TABLE: ClassVar[str] = "watch"
    KEY: ClassVar[tuple[str, ...]] = ("watcher", "presentity", "tenant")

    watcher: str
    presentity: str
    """Keys of bare native addresses."""
    tenant: str
    """Part of the key: the same two users have other images under another tenant (ADDR-25)."""
    state: str
    """``asked``, ``granted`` or ``refused``."""
    changed: float
    """Since when it is so."""
    watcher_lane: str
    """Where the watcher is told; of a leg, its own lane goes first."""
    presentity_lane: str
    """Where the presentity is asked."""
    asking: bool
    """Whether the presentity's side is looking for us at the moment: true exactly while a leg is
    alive or the grant is asked for."""
    shown: tuple[str, ...] = ()
    """Instances that this watcher may have been shown as available and has not surely been shown
    as gone (PRES-35); only of watchers who are told of each device by itself."""
    due: float | None = None
    """When it has to be looked at again: the question is given up (PRES-25), may be put again
    (PRES-24), or what is in doubt counts as gone (PRES-8)."""
    failure: Failure | None = None
    """Why it is refused."""


@frozen
class Leg:
    """Somebody is being told (until it ends or ``due`` has come)."""

    TABLE: ClassVar[str] = "leg"
    KEY: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    watcher: str
    presentity: str
    tenant: str
    lane: str
    instance: str = ""
    """The device of the watcher that is told, where it has a name."""
    due: float | None = None
    """When it has ended although its edge has not said so."""


@frozen
class Fetch:
    """A question for the state once that has not been answered yet."""

    leg: str
    lane: str
    until: float
    """UTC seconds: from then on nobody waits for the answer."""


@frozen
class View:
    """What there is to see of a presentity for one watcher; made again after a restart."""

    TABLE: ClassVar[str] = "view"
    KEY: ClassVar[tuple[str, ...]] = ("watcher", "presentity", "tenant")
    VOLATILE: ClassVar[bool] = True

    watcher: str
    """Empty: what the presentity has published for all (PUB-5)."""
    presentity: str
    tenant: str
    devices: tuple[Device, ...] = ()
    """Those that are open."""
    aspects: tuple[Aspect, ...] = ()
    known: bool = False
    broken: Failure | None = None
    """Why nothing can be known at the moment."""
    unconfirmed: tuple[str, ...] = ()
    """Instances that were shown before everything was asked for anew, and not named since."""
    doubt: float | None = None
    """UTC seconds: what is broken or unconfirmed by then counts as gone."""
    ending: tuple[str, ...] = ()
    """Instances whose end is on its way to the watcher."""
    fetches: tuple[Fetch, ...] = ()
    until: float | None = None
    """UTC seconds at which a published state ends."""
    asked_over: float | None = None
    """Since when the presentity's connector was up (or down) when it was last asked."""
    told_over: float | None = None
    """The same of the watcher's connector."""
