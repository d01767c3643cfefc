"""The one door to wokkel: what the XMPP edge uses of it on today's Twisted.

wokkel 18.0.0 was written for Twisted 16-18.  ``wokkel.subprotocols`` imports silently and leaves
the global reactor alone; ``component``, ``client`` and ``server`` import the reactor, and
``data_form`` with all that rests on it (``disco``, ``ping``, ``pubsub``) no longer imports.  So this
is all we take.  Everything else in ``iwf.xmpp`` imports these names from here and wokkel from
nowhere (docs/decisions/0001).
"""

from __future__ import annotations

from twisted.words.protocols.jabber.component import (
    componentFactory as component_factory,
)
from wokkel import subprotocols
from wokkel.subprotocols import StreamManager, XMPPHandler

# StreamManager calls an alias that Twisted deprecates, and so warns at the end of every stream.
subprotocols.itervalues = dict.values

__all__ = ["StreamManager", "XMPPHandler", "component_factory"]
