"""A machine on the network in memory that can lose its power."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorTCP, IReactorTime, IReactorUDP
from zope.interface import implementer

from tests.support.network import DatagramPort, Listener, Network, Pipe


@implementer(IReactorTCP, IReactorUDP, IReactorTime)
class Host:
    """The reactor of one process; everything of the process goes through it, so it can be cut off.

    What the process has written is on its way and arrives, as it would from a kernel.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._calls: list[Any] = []
        self._connectors: list[Any] = []
        self._listeners: list[Listener] = []
        self._ports: list[DatagramPort] = []

    def seconds(self) -> float:
        return self._network.seconds()

    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kwargs: object) -> Any:
        call = self._network.callLater(delay, callable, *args, **kwargs)
        self._calls = [*(each for each in self._calls if each.active()), call]
        return call

    def getDelayedCalls(self) -> list[Any]:
        return [call for call in self._calls if call.active()]

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30,
                   bindAddress: object = None) -> Any:
        connector = self._network.connectTCP(host, port, factory, timeout, bindAddress)
        self._connectors.append(connector)
        return connector

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        listener = self._network.listenTCP(port, factory, backlog, interface)
        self._listeners.append(listener)
        return listener

    def listenUDP(self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192) -> Any:
        datagrams = self._network.listenUDP(port, protocol, interface, maxPacketSize)
        self._ports.append(datagrams)
        return datagrams

    def cut(self) -> None:
        """The process is gone from one moment to the next; its peers see connections end."""
        for call in self.getDelayedCalls():
            call.cancel()
        for port in self._ports:
            self._network.datagrams.pop(port.address, None)
        addresses = {listener.address for listener in self._listeners}
        for address in addresses:
            self._network.listeners.pop(address, None)
        own = [connector.pipe for connector in self._connectors if connector.pipe is not None]
        own += [pipe for pipe in self._network.pipes if _address(pipe) in addresses]
        for connector in self._connectors:
            connector.cancelled = True
        for pipe in own:
            if not pipe.disconnected:
                pipe.disconnecting = pipe.disconnected = True
                self._network.pipes.discard(pipe)
                self._network.later(pipe.other.end, ConnectionLost())


def _address(pipe: Pipe) -> tuple[str, int]:
    host: IPv4Address = pipe.getHost()
    return host.host, host.port
