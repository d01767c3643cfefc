"""The plays with Prosody, Kamailio, a SIP user agent, an SMSC and a process of iwf."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.theatre import PlaysMixin, with_plays
from tests.peers.prosody import Prosody


@with_plays
class ProsodyTests(PlaysMixin, SynchronousTestCase):
    """Between them, everything is as in virtual time."""

    server = Prosody
