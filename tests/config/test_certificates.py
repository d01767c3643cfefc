"""TLS and WebSocket in the configuration (SIP-49, SIP-63, RFC 7118)."""

from __future__ import annotations

from pathlib import Path

from iwf.config import settings_of
from iwf.sip.settings import Hop, Target, TlsPeer
from tests.support.certificates import Authority
from tests.support.configs import ConfigCase, Raw, good, put, read


class TlsCase(ConfigCase):
    """A document with certificates in its folder."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.authority = Authority(self.folder)
        self.authority.issue("gw", ["xmpp.sip.example"], ["sip:xmpp.sip.example", "sip:sms.sip.example"])
        self.authority.issue("other", ["sms.sip.example"])

    def secure(self, **trunk: object) -> Raw:
        """A gateway with TLS, and a trunk by TLS."""
        raw = good()
        raw["sip"]["listen"].append("tls:127.0.0.1")
        raw["sip"]["tls"] = {name: str(self.folder / file) for name, file in (
            ("certificate", "gw.pem"), ("key", "gw.key"), ("ca", "authority.pem"))}
        raw["sip"]["trunk"] = [{"domains": ["sip.example"], "next_hop": "tls:192.0.2.1", **trunk}]
        return raw

    def told(self, path: str, value: object, *expected: str, **trunk: object) -> None:
        """What is said about a secure document with a change."""
        raw = self.secure(**trunk)
        put(raw, path, value)
        self.assertEqual(self.problems(raw), list(expected))


class SettingsTests(TlsCase):
    """What the edge gets."""

    def test_listeners(self) -> None:
        """Certificates of the gateway and of its aliases, as absolute paths (ADDR-55)."""
        raw = self.secure()
        raw["sip"]["tls"] = {"certificate": "gw.pem", "key": "gw.key", "verify_clients": "required"}
        raw["sip"]["alias"][1] |= {"certificate": "other.pem", "key": "other.key"}
        tls = settings_of(raw, self.folder, {}).sip.tls
        self.assertEqual((tls.certificate, tls.key, tls.ca, tls.verify_clients),
                         (f"{self.folder}/gw.pem", f"{self.folder}/gw.key", "", "required"))
        self.assertEqual(tls.named, (("sms.sip.example", f"{self.folder}/other.pem", f"{self.folder}/other.key"),))

    def test_next_hop(self) -> None:
        """An address must prove a domain of the trunk; names that are given go first (RFC 5922 7.3)."""
        own = TlsPeer(("sip.example",), "sip.example", True, str(self.folder / "gw.pem"), str(self.folder / "gw.key"),
                      self.authority.ca)
        self.assertEqual(read(self.secure()).sip.trunks[0].next_hop, Hop("tls", "192.0.2.1", 5061, own))
        hop = read(self.secure(allowed_names=["*.carrier.example", "sbc.carrier.example"])).sip.trunks[0].next_hop
        assert isinstance(hop, Hop) and hop.tls is not None
        self.assertEqual((hop.tls.names, hop.tls.server_name),
                         (("*.carrier.example", "sbc.carrier.example"), "sbc.carrier.example"))

    def test_next_hop_by_name(self) -> None:
        """A name is located, and proved when it is found; the trunk may have files of its own (SIP-49)."""
        own = {"certificate": str(self.folder / "other.pem"), "key": str(self.folder / "other.key"), "verify": False}
        trunk = read(self.secure(next_hop="tls:Proxy.example", allowed_sources=["192.0.2.1"], tls=own)).sip.trunks[0]
        self.assertEqual(trunk.next_hop, Target("proxy.example", None, "tls"))
        self.assertEqual(trunk.tls, TlsPeer((), "proxy.example", False, own["certificate"], own["key"],
                                            self.authority.ca))

    def test_allowed_names(self) -> None:
        """Who is known by his certificate is not known by an address unless that is said, too (SIP-63)."""
        trunk = read(self.secure(allowed_names=["SIP.example"])).sip.trunks[0]
        self.assertEqual((trunk.allowed_names, trunk.allowed_sources), (("sip.example",), ()))
        trunk = read(self.secure(allowed_names=["sip.example"], allowed_sources=["192.0.2.1"])).sip.trunks[0]
        self.assertEqual(trunk.allowed_sources, ("192.0.2.1",))
        self.assertEqual(read(self.secure()).sip.trunks[0].allowed_sources, ("192.0.2.1",))

    def test_websocket(self) -> None:
        """Sites are kept as browsers name them."""
        raw = self.secure()
        raw["sip"]["websocket"] = {"origins": ["HTTPS://Chat.Example:8443/", "http://[::1]"], "max_connections": 5}
        sip = read(raw).sip
        self.assertEqual((sip.origins, sip.max_websockets), ({"https://chat.example:8443", "http://[::1]"}, 5))


class RuleTests(TlsCase):
    """What does not go together."""

    def test_no_certificate(self) -> None:
        """A listener by TLS needs a certificate."""
        for listener in ("tls:127.0.0.1", "wss:127.0.0.1"):
            raw = good()
            raw["sip"]["listen"].append(listener)
            self.assertEqual(self.problems(raw), ["sip.tls.certificate: is required with listeners by tls or wss"])

    def test_same_address(self) -> None:
        """Two kinds of streams cannot share an address; UDP is not in their way."""
        self.told("sip.listen", ["udp:127.0.0.1:5061", "tcp:127.0.0.1:5061", "tls:127.0.0.1:5061"],
                  "sip.listen[2]: is in use already, by sip.listen[1]")

    def test_files(self) -> None:
        """Files that are no good are told at the check, not at the start."""
        other = str(self.folder / "other.key")
        self.told("sip.tls.key", other, f"sip.tls.certificate: {other}: the key does not belong to the first "
                  f"certificate of {self.folder}/gw.pem, or is too weak")
        self.told("sip.tls.ca", "/missing",
                  "sip.tls.ca: /missing: cannot be read, or holds no certificates in PEM form")
        self.told("sip.trunk[0].tls.certificate", "/missing",
                  "sip.trunk[0].tls.certificate: /missing: No such file or directory")
        self.told("sip.alias[0].key", other, "sip.alias[0].key: needs a certificate beside it")

    def test_no_name(self) -> None:
        """An address that could be anybody's needs a name to prove (SIP-49)."""
        text = ("sip.trunk[0].allowed_names: is required: neither next_hop nor domains hold a name that it could prove")
        self.told("sip.trunk[0].domains", ["*.sip.example"], text)
        raw = self.secure(domains=["*.sip.example"], tls={"verify": False})
        self.assertEqual(read(raw).warnings,
                         ("sip.trunk[0].tls.verify: lets anybody pass himself off as this peer",))

    def test_names_nobody_asks_for(self) -> None:
        """Names cannot be proved where clients are not asked for certificates."""
        self.told("sip.tls.verify_clients", "no",
                  "sip.tls.verify_clients: must not be no: sip.trunk[0].allowed_names could not be proved",
                  allowed_names=["sip.example"])

    def test_sips(self) -> None:
        """sips is promised only where TLS goes on behind us (ADDR-56)."""
        self.assert_problem(lambda raw: put(raw, "sip.trunk[0].allow_sips", True),
                            "sip.trunk[0].allow_sips: needs a next_hop by tls")
        self.assertTrue(read(self.secure(allow_sips=True)).sip.trunks[0].allow_sips)

    def test_large(self) -> None:
        """Large messages may go by TLS as well as by TCP (MSG-28)."""
        self.assertTrue(read(self.secure(trusted_large=True)).sip.trunks[0].trusted_large)

    def test_sites(self) -> None:
        """A site is written with its scheme, and without a path."""
        for value in ("chat.example", "ftp://chat.example", "https://chat.example/x"):
            raw = self.secure()
            raw["sip"]["websocket"] = {"origins": [value]}
            self.assertEqual(self.problems(raw), [
                f'sip.websocket.origins[0]: must be such as "https://chat.example.com" (got "{value}")'])

    def test_names(self) -> None:
        """The certificate that a peer is shown has the name of the alias (ADDR-55)."""
        raw = self.secure()
        self.assertEqual(read(raw).warnings, ())
        put(raw, "sip.tls.certificate", str(self.folder / "other.pem"))
        put(raw, "sip.tls.key", str(self.folder / "other.key"))
        text = "sip.tls.certificate: does not name xmpp.sip.example, at sip.alias[0].domain"
        self.assertEqual(read(raw).warnings, (text,))
        raw["sip"]["alias"][0] |= {"certificate": str(self.folder / "gw.pem"), "key": str(self.folder / "gw.key")}
        self.assertEqual(read(raw).warnings, ())
        self.authority.issue("wild", ["*.sip.example"])
        put(raw, "sip.alias[0].certificate", str(self.folder / "wild.pem"))
        put(raw, "sip.alias[0].key", str(self.folder / "wild.key"))
        self.assertEqual(read(raw).warnings, ())

    def test_open_key(self) -> None:
        """A private key that everybody can read is told, as any other secret."""
        raw = self.secure()
        (self.folder / "gw.key").chmod(0o644)
        self.assertEqual(read(raw).warnings, ("sip.tls.key: everybody on this machine can read the private key",))

    def test_plain_websocket(self) -> None:
        """WebSocket without TLS is for this machine only, where a web server may stand in front (RFC 7118 7)."""
        raw = self.secure()
        raw["sip"]["listen"] += ["ws:127.0.0.1:8080", "ws:192.0.2.7:8080"]
        self.assertEqual(read(raw).warnings, ("sip.listen[4]: carries messages without TLS; use wss",))
