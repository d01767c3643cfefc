"""The entry for ``twistd``: options, and the only place that takes the global reactor."""

from __future__ import annotations

import gc
import os
from typing import Any

from twisted.application.service import IService
from twisted.internet.error import CannotListenError
from twisted.python import usage

from iwf.config import load, node_secret, with_secret
from iwf.errors import ConfigError, IwfError
from iwf.ids import Ids
from iwf.service import Daemon

#: When the garbage collector looks at young, middle and all objects.  Nearly everything dies by its
#: reference count, but SIP transactions live for half a minute, and Python's own thresholds look at
#: all of them again and again: a fifth of the CPU under load, in stalls of a tenth of a second.
COLLECT = (50_000, 20, 100)


class Options(usage.Options):
    """Command line of ``twistd iwf``."""

    synopsis = "[options]"
    longdesc = "Joins XMPP, SIP/SIMPLE and SMS, any to any. Check a file with: iwf check FILE"
    optParameters = [["config", "c", None, "The TOML file to run with (docs/configuration.md)"]]

    def postOptions(self) -> None:
        """Read the configuration.

        :raise twisted.python.usage.UsageError: with every error of the file, a line each.
        """
        if not self["config"]:
            raise usage.UsageError("which configuration? use --config FILE")
        try:
            self["settings"] = load(self["config"], os.environ)
        except ConfigError as error:
            raise usage.UsageError(f"{self['config']} cannot be used:\n{error}") from error


class _Entry(Daemon):
    """The daemon, which says in one line why it cannot start, as an operator expects."""

    def startService(self) -> None:
        gc.freeze()  # modules and configuration stay for good
        gc.set_threshold(*COLLECT)
        try:
            super().startService()
        except (IwfError, CannotListenError) as error:
            raise SystemExit(f"iwf cannot start: {error}") from error


def makeService(options: Any) -> IService:
    """The daemon for a configuration file."""
    from twisted.internet import reactor

    ids, settings = Ids(), options["settings"]
    try:
        secret = node_secret(settings.node.state_directory, lambda: ids.token() + ids.token())
    except ConfigError as error:
        raise SystemExit(f"iwf cannot start: {error}") from error
    return _Entry(with_secret(settings, secret), reactor, ids)
