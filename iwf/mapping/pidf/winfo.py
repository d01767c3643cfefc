"""Writing lists of watchers (RFC 3858)."""

from __future__ import annotations

from collections.abc import Iterable

from iwf.mapping.xmldoc import escaped

#: What is written.
TYPE = "application/watcherinfo+xml"

_NAMESPACE = "urn:ietf:params:xml:ns:watcherinfo"


def build_watchers(resource: str, watchers: Iterable[tuple[str, bool]], version: int) -> bytes:
    """Write a list of all who watch somebody's presence, or ask to.

    :param resource: the URI of the user who is watched.
    :param watchers: the URI of each, and whether he may see (``active``) or asks (``pending``).
    :param version: of the document within its subscription, higher each time.  A whole state takes the
        place of an older one, so numbers that are left out, as after a restart, do no harm (RFC 3858 4.1).
    """
    listed = "".join(_watcher(uri, is_granted) for uri, is_granted in watchers)
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<watcherinfo xmlns="{_NAMESPACE}" version="{version}" state="full">'
            f'<watcher-list resource="{escaped(resource)}" package="presence">{listed}</watcher-list>'
            "</watcherinfo>").encode()


def _watcher(uri: str, is_granted: bool) -> str:
    status, event = ("active", "approved") if is_granted else ("pending", "subscribe")
    # One watcher is one subscription, whatever he looks at it with, so his address names it.
    return f'<watcher id="{escaped(uri)}" status="{status}" event="{event}">{escaped(uri)}</watcher>'
