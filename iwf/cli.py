"""The command ``iwf``: tools that share the daemon's code and never touch the network."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from iwf import __version__, smscmd
from iwf.config import Settings, load, report, with_secret
from iwf.errors import ConfigError
from iwf.explain import explain
from iwf.ids import Ids
from iwf.mapcmd import describe

#: Exit codes: as asked; the answer is no; the command line or the configuration is wrong.
OK, NO, WRONG = 0, 1, 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="iwf", description=__doc__,
                                     epilog="The daemon itself runs as: twistd -n iwf --config FILE")
    parser.add_argument("--version", action="version", version=f"iwf {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="validate a configuration without starting")
    check.add_argument("file", metavar="FILE")

    mapped = commands.add_parser("map", help="show an address as each world sees it")
    mapped.add_argument("--config", "-c", required=True, metavar="FILE")
    mapped.add_argument("address", metavar="ADDRESS",
                        help="a JID, a sip:, tel:, sms:, im: or pres: URI, or a +number")

    story = commands.add_parser("explain", help="show what becomes of a piece of wire input")
    story.add_argument("--config", "-c", required=True, metavar="FILE")
    story.add_argument("--in", "-i", dest="edge", required=True, choices=("sip", "xmpp", "smpp"),
                       help="where the input comes in")
    story.add_argument("--peer", default="", metavar="PEER",
                       help="SIP: its source address; SMPP: the name of the link")
    story.add_argument("wirefile", nargs="?", default="-", metavar="WIREFILE",
                       help="a SIP message, a stanza, or a PDU in hex or octets; - for stdin")

    sms = commands.add_parser("sms", help="show what a text becomes on a link and what it costs")
    sms.add_argument("--config", "-c", metavar="FILE", help="where links are; without it the defaults hold")
    sms.add_argument("--link", default="", metavar="NAME", help="the first one when not given")
    sms.add_argument("text", metavar="TEXT")
    for command in (check, mapped, story, sms):
        command.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def _check(options: argparse.Namespace, out: TextIO, _: Callable[[], float]) -> int:
    found = report(options.file, os.environ)
    if options.json:
        print(json.dumps(found.as_dict(), ensure_ascii=False), file=out)
    else:
        for line in found.lines():
            print(line, file=out)
        if found.ok:
            print(f"{options.file}: ok", file=out)
    return OK if found.ok else NO


def _map(options: argparse.Namespace, out: TextIO, _: Callable[[], float]) -> int:
    images = describe(options.address, _settings(options.config).gateway)
    if options.json:
        print(json.dumps(images, ensure_ascii=False), file=out)
    else:
        for world in ("xmpp", "sip", "sms"):
            print(f"{world:5} {images[world] or '-'}", file=out)
        print(images["reason"], file=out)
    return OK if any(images[world] for world in ("xmpp", "sip", "sms")) else NO


def _explain(options: argparse.Namespace, out: TextIO, now: Callable[[], float]) -> int:
    octets = (sys.stdin.buffer.read() if options.wirefile == "-"
              else Path(options.wirefile).read_bytes())
    story = explain(_settings(options.config), options.edge, octets, now(), Ids().token(),
                    options.peer)
    print(json.dumps(story, ensure_ascii=False, default=str, indent=None if options.json else 2),
          file=out)
    return OK if story["verdict"] != "rejected" else NO


def _sms(options: argparse.Namespace, out: TextIO, _: Callable[[], float]) -> int:
    smpp = load(options.config, os.environ).smpp if options.config else None
    text = smscmd.encoded(options.text, smscmd.profile_of(smpp, options.link))
    if options.json:
        print(json.dumps(smscmd.as_dict(text), ensure_ascii=False), file=out)
    else:
        for line in smscmd.lines(text):
            print(line, file=out)
    return OK


def _settings(path: str) -> Settings:
    settings = load(path, os.environ)
    # Hashes that only the node's own secret makes come out differently, and say nothing here.
    return with_secret(settings, "explained")


_COMMANDS: dict[str, Callable[[argparse.Namespace, TextIO, Callable[[], float]], int]] = {
    "check": _check, "map": _map, "explain": _explain, "sms": _sms}


def run(arguments: Sequence[str], out: TextIO, errors: TextIO, now: Callable[[], float]) -> int:
    """Carry out a command line.

    :param now: tells UTC seconds.
    :return: the exit code.
    """
    options = _parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](options, out, now)
    except ConfigError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=errors)
    except smscmd.Unsendable as error:
        print(f"error: {error}", file=errors)
        return NO
    except (smscmd.NoLink, OSError) as error:
        print(f"error: {error}", file=errors)
    return WRONG


def main() -> Any:
    """The entry of the ``iwf`` script."""
    sys.exit(run(sys.argv[1:], sys.stdout, sys.stderr, time.time))
