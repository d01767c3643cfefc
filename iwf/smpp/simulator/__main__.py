"""``python -m iwf.smpp.simulator``: an SMSC on this machine, and a port at which to be its phones."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import react
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.web.server import Site

from iwf.ids import Ids
from iwf.smpp.simulator.control import Control
from iwf.smpp.simulator.phones import Phones
from iwf.smpp.simulator.smsc import SmscFactory


def options() -> ArgumentParser:
    """What can be said on the command line."""
    parser = ArgumentParser("python -m iwf.smpp.simulator", description=__doc__)
    parser.add_argument("--listen", default="tcp:2775:interface=127.0.0.1", metavar="ENDPOINT",
                        help="where ESMEs bind, as a Twisted server endpoint; ssl:... for TLS (%(default)s)")
    parser.add_argument("--control", default="tcp:8775:interface=127.0.0.1", metavar="ENDPOINT",
                        help="where to be a phone, over HTTP; GET / says how (%(default)s)")
    parser.add_argument("--account", action="append", default=[], metavar="ID:PASSWORD",
                        help="who may bind; may be given several times (iwf:secret)")
    parser.add_argument("--rate", type=int, default=0, metavar="N", help="throttle above N submits a second")
    parser.add_argument("--echo", default="", metavar="TEXT", help="phones answer every text with TEXT before it")
    return parser


async def run(reactor: Any, chosen: Namespace) -> None:
    """Until it is interrupted."""
    accounts = dict(account.partition(":")[::2] for account in chosen.account or ["iwf:secret"])
    phones = Phones(chosen.echo)
    smsc = SmscFactory(accounts, phones, reactor, Ids())
    smsc.rate = chosen.rate
    await serverFromString(reactor, chosen.listen).listen(smsc)
    await serverFromString(reactor, chosen.control).listen(Site(Control(smsc, phones, reactor)))
    print(f"SMSC at {chosen.listen}, phones at {chosen.control}", flush=True)
    await Deferred()


def main(arguments: Sequence[str]) -> None:
    """Start."""
    chosen = options().parse_args(arguments)
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    react(lambda reactor: Deferred.fromCoroutine(run(reactor, chosen)))


if __name__ == "__main__":
    main(sys.argv[1:])
