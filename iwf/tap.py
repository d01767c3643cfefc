"""The entry for ``twistd``: options, and the only place that takes the global reactor."""

from __future__ import annotations

import os
from typing import Any

from twisted.application.service import IService
from twisted.python import usage

from iwf.config import load, node_secret, with_secret
from iwf.errors import ConfigError
from iwf.ids import Ids
from iwf.service import Daemon


class Options(usage.Options):
    """Command line of ``twistd iwf``."""

    synopsis = "[options]"
    longdesc = "Joins XMPP, SIP/SIMPLE and SMS, any to any. Check a file with: iwf check FILE"
    optParameters = [["config", "c", None, "The TOML file to run with (docs/configuration.md)"]]

    def postOptions(self) -> None:
        if not self["config"]:
            raise usage.UsageError("which configuration? use --config FILE")


def makeService(options: Any) -> IService:
    """The daemon for a configuration file.

    :raise twisted.python.usage.UsageError: with every error of the file, a line each.
    """
    from twisted.internet import reactor

    ids = Ids()
    try:
        settings = load(options["config"], os.environ)
        secret = node_secret(settings.node.state_directory, lambda: ids.token() + ids.token())
    except ConfigError as error:
        raise usage.UsageError(str(error)) from error
    return Daemon(with_secret(settings, secret), reactor, ids)
