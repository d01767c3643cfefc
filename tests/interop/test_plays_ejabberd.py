"""The plays with Ejabberd, Kamailio, a SIP user agent, an SMSC and a process of iwf."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.theatre import PlaysMixin, with_plays
from tests.peers.ejabberd import Ejabberd


@with_plays
class EjabberdTests(PlaysMixin, SynchronousTestCase):
    """Between them, everything is as in virtual time."""

    server = Ejabberd
