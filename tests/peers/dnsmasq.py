"""dnsmasq: a name server for a zone of the tests, and for nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import TimeoutError
from twisted.names import client, error

from tests.peers.base import LOOPBACK, Peer

READY = "ready.test"


@frozen
class Record:
    """A line of the zone; made by the functions of this module."""

    line: str


def host(name: str, *addresses: str) -> Record:
    """A and AAAA records."""
    return Record(f"host-record={name},{','.join(addresses)}")


def srv(name: str, target: str, port: int, priority: int = 10, weight: int = 0) -> Record:
    """An SRV record."""
    return Record(f"srv-host={name},{target},{port},{priority},{weight}")


def no_service(name: str) -> Record:
    """An SRV record that says that the service is decidedly not there."""
    return Record(f"srv-host={name}")


def naptr(name: str, order: int, service: str, replacement: str, preference: int = 50) -> Record:
    """A NAPTR record that leads to SRV."""
    return Record(f"naptr-record={name},{order},{preference},s,{service},,{replacement}")


def cname(name: str, target: str) -> Record:
    """An alias of a name of the zone."""
    return Record(f"cname={name},{target}")


class Dnsmasq(Peer):
    """A name server for ``test``; other names do not exist.

    :param zone: may be changed between runs.
    :param ttl: of all records, in seconds.
    """

    name = "dnsmasq"
    programs = ("dnsmasq",)

    def __init__(self, directory: str | os.PathLike[str], zone: Sequence[Record] = (), ttl: int = 5,
                 reactor: Any = None) -> None:
        super().__init__(directory, reactor)
        self.zone = list(zone)
        self.ttl = ttl
        self.port = self.new_port()

    def command(self) -> list[str]:
        return ["dnsmasq", "--keep-in-foreground", "--conf-file=dnsmasq.conf"]

    def prepare(self) -> None:
        lines = [
            "no-resolv", "no-hosts", "no-poll", "bind-interfaces", f"listen-address={LOOPBACK}", f"port={self.port}",
            f"local-ttl={self.ttl}", "local=/test/", "log-queries", "log-facility=-", "pid-file=", "user=", "group=",
            *(record.line for record in [host(READY, LOOPBACK), *self.zone]),
        ]  # fmt: skip
        (self.directory / "dnsmasq.conf").write_text("\n".join([*lines, ""]))

    async def ready(self) -> None:
        resolver = client.Resolver(servers=[(LOOPBACK, self.port)], timeout=(1,), reactor=self.reactor)
        while True:
            try:
                await resolver.lookupAddress(READY)
            except (TimeoutError, error.DomainError):
                await self.sleep(0.05)
            else:
                return

    def questions(self) -> list[tuple[str, str]]:
        """Every question so far: kind and name."""
        words = (line.split() for line in self.log_path.read_text("utf-8", "replace").splitlines())
        found = []
        for line in words:
            kind = next((word for word in line if word.startswith("query[")), None)
            if kind is not None:
                found.append((kind[6:-1], line[line.index(kind) + 1]))
        return found
