"""Who may speak, and how he proves who he is: step 3 of the checks on a request (SIP-30, SIP-63).  Pure."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from iwf.sip.auth.digest import algorithms_of
from iwf.sip.auth.verifier import Secret, Verifier
from iwf.sip.reasons import Status
from iwf.sip.settings import Hop, SipSettings, TrunkSettings
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Request
from iwf.sip.syntax.uri import Uri
from iwf.sip.transport.routing import canonical_ip

_STRANGER = Status(403, "Unknown Peer", rules=("SIP-63",), suspicious=True)
_RULES = ("SIP-62", "SIP-63")


class Gate:
    """Finds the trunk of a request and asks for credentials where the trunk wants them.

    :param key: keys nonces; unguessable, and new with every start.
    """

    def __init__(self, settings: SipSettings, key: str) -> None:
        self._networks = [
            (ip_network(text, strict=False), trunk) for trunk in settings.trunks for text in trunk.allowed_sources
        ]
        # Peers are configured by address as a rule: those are found without a search.
        self._peers = {
            str(network.network_address): self._speakers(network.network_address)
            for network, _ in self._networks if network.num_addresses == 1
        }
        self._names: dict[str, list[TrunkSettings]] = {}
        for trunk in settings.trunks:
            for name in trunk.allowed_names:
                self._names.setdefault(name, []).append(trunk)
        realm = settings.host or next((alias.domain for alias in settings.aliases), "gateway")
        self._verifiers = {
            trunk.lane: Verifier(trunk.realm or realm, {trunk.username: Secret(trunk.password)}, key,
                                 algorithms_of(trunk.algorithms))
            for trunk in settings.trunks if trunk.digest
        }
        self._registrar = settings.registrar
        if self._registrar is not None:
            accounts = {account.user: Secret(account.password, account.hashes)
                        for account in self._registrar.accounts}
            self._verifiers[self._registrar.lane] = Verifier(
                self._registrar.domain, accounts, key, algorithms_of(self._registrar.algorithms),
                self._registrar.without_qop)

    @property
    def demanding(self) -> bool:
        """Whether anybody is asked for credentials."""
        return bool(self._verifiers)

    def _speakers(self, address: IPv4Address | IPv6Address) -> list[TrunkSettings]:
        return [trunk for network, trunk in self._networks
                if network.version == address.version and address in network]

    def trunk_of(self, source: Hop, request: Request | None = None,
                 names: Collection[str] = ()) -> TrunkSettings | None:
        """SIP-63: the peer that may speak from that address, or that has proved one of its names.

        Where several share an address or name (a proxy serving many), the one whose domain the sender
        of the request is of.  The registrar's users may be anywhere; their domain is nobody else's.

        :param names: the SIP domains for which the sender has a certificate.
        :raises SipSyntaxError: for a request without a readable sender.
        """
        registrar = self._registrar
        if registrar is not None and request is not None and _speaks_for(request).host == registrar.domain:
            return registrar.trunk
        trunks = [trunk for name in names for trunk in self._names.get(name, ())] or self._peers.get(source.host)
        if trunks is None:
            trunks = self._speakers(ip_address(canonical_ip(source.host)))
        if len(trunks) > 1 and request is not None:
            sender = request.from_.uri.host
            return next((trunk for trunk in trunks if _serves(trunk, sender)), trunks[0])
        return trunks[0] if trunks else None

    def admit(self, request: Request, source: Hop, now: float, names: Collection[str] = ()) -> TrunkSettings | Status:
        """The trunk of a request, or why it is not let in.

        Called once for a request: credentials are good for one use.

        :param now: UTC seconds.
        :param names: see :meth:`trunk_of`.
        :raises SipSyntaxError: for headers that cannot be read.
        """
        trunk = self.trunk_of(source, request, names)
        if trunk is None:
            return _STRANGER
        verifier = self._verifiers.get(trunk.lane)
        if verifier is None:
            return trunk
        if request.method == "CANCEL":
            # RFC 3261 22.1: never challenged; and there is nothing that it could end.
            return Status(481, "Call/Transaction Does Not Exist", rules=("SIP-24",))
        proof = verifier.check(request, now)
        if not proof.user:
            return Status(401, "Unauthorized", verifier.challenges(now, proof.stale), _RULES, suspicious=proof.failed)
        if self._registrar is not None and trunk.lane == self._registrar.lane and not _is_of(request, proof.user):
            # 10.3, step 4: everybody speaks for himself.
            return Status(403, "Forbidden", rules=_RULES, suspicious=True)
        return trunk

    def is_peer(self, host: str) -> bool:
        """Whether a peer is configured to be at that very address."""
        return host in self._peers


def _speaks_for(request: Request) -> Uri:
    """Whose affairs a request is about: of a REGISTER, its To."""
    return request.to.uri if request.method == "REGISTER" else request.from_.uri


def _is_of(request: Request, user: str) -> bool:
    try:
        return _speaks_for(request).user_text() == user
    except SipSyntaxError:
        return False


def _serves(trunk: TrunkSettings, domain: str) -> bool:
    return any(
        pattern == "*" or pattern == domain or (pattern.startswith("*.") and domain.endswith(pattern[1:]))
        for pattern in trunk.domains
    )
