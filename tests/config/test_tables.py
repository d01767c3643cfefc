"""Single values of the configuration file, and the secrets."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.endpoints import clientFromString
from twisted.internet.testing import MemoryReactorClock

from iwf.config import load, settings_of, with_secret
from iwf.config.values import hop
from iwf.errors import ConfigError
from iwf.sip.settings import Hop, Target
from tests.support.configs import SECRET, ConfigCase, good, put, read

EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "examples" / "iwf.toml"

BAD_VALUES = [
    ("node", 1, "must be a table"),
    ("node.name", "a b", "must be a host name"),
    ("node.name", "1.2.3.4", "must be a host name"),
    ("node.name", "xn--a", "must be a host name"),
    ("node.name", "a" * 64, "must be a host name"),
    ("node.name", 5, "must be a text"),
    ("xmpp.component[0].rich", "yes", "must be true or false"),
    ("node.state_directory", "", "must not be empty"),
    ("node.synchronous", "off", 'must be "full" or "normal"'),
    ("node.lane_limit", 0, "must be at least 1"),
    ("node.lane_limit", 1000000000, "must be at most 1000000"),
    ("node.lane_limit", 2**70, "must be at most 1000000"),
    ("node.stream_limit", 1.5, "must be a whole number"),
    ("node.map_resource", 1, "must be true or false"),
    ("node.fold_sip_user", "yes", "must be true or false"),
    ("node.late_error_notice", "no", "must be true or false"),
    ("node.s2x_type", "chat", 'must be "plain" or "follow"'),
    ("node.prefix_sender", "x", 'must be "new", "always" or "never"'),
    ("node.patience.grace", True, "must be a number"),
    ("node.patience.grace", 0, "must be at least 0.1"),
    ("node.patience.retention", float("inf"), "must be a finite number"),
    ("node.patience.retention", float("nan"), "must be a finite number"),
    ("node.patience", [], "must be a table"),
    ("xmpp.component[0].domain", "*.example", "must be a host name"),
    (
        "xmpp.component[0].connect",
        "127.0.0.1",
        'must be "host:port" (IPv6 in brackets) or a Twisted endpoint',
    ),
    (
        "xmpp.component[0].connect",
        "::1:5347",
        'must be "host:port" (IPv6 in brackets) or a Twisted endpoint',
    ),
    ("xmpp.component[0].connect", "127.0.0.1:0", "must have a port between 1 and 65535"),
    (
        "xmpp.component[0].connect",
        "tcp:a:b",
        'must be "host:port" (IPv6 in brackets) or a Twisted endpoint',
    ),
    ("xmpp.component[0].bridges", "tel", 'must be "sip" or "sms"'),
    ("xmpp.component[0].serves", [], "must not be empty"),
    ("xmpp.component[0].serves", "x", "must be a list"),
    ("xmpp.component[0].scheme", "both", 'must be "alias" or "direct"'),
    ("xmpp.component[0].tenant", "a b", "must be 1 to 64 visible ASCII characters"),
    ("xmpp.component[0].window", 0, "must be at least 1"),
    ("xmpp.component[0].max_stanza", 9999, "must be at least 10000"),
    ("sip.host", "a/b", "must be a host name"),
    ("sip.listen[0]", "udp:localhost", "must hold an IP address, not a name"),
    (
        "sip.listen[0]",
        "sctp:127.0.0.1",
        'must be such as "udp:192.0.2.1:5060" or "sip:192.0.2.1;transport=tcp"',
    ),
    ("sip.listen[0]", 5060, "must be a text"),
    ("sip.max_message", 1299, "must be at least 1300"),
    ("sip.alias[0].bridges", "sip", 'must be "xmpp" or "sms"'),
    ("sip.trunk[0].domains", [], "must not be empty"),
    ("sip.trunk[0].domains[0]", "a_b", 'must be a domain, "*.domain" or "*"'),
    (
        "sip.trunk[0].next_hop",
        "sctp:a.example",
        'must be such as "udp:192.0.2.1:5060" or "sip:192.0.2.1;transport=tcp"',
    ),
    ("sip.trunk[0].next_hop", "udp:1.2.3.4:99999", "must have a port between 1 and 65535"),
    (
        "sip.trunk[0].next_hop",
        "sip:1.2.3.4;transport=sctp",
        "takes only ;transport=udp, ;transport=tcp, ;transport=tls and ;lr",
    ),
    (
        "sip.trunk[0].next_hop",
        "sips:1.2.3.4;transport=udp",
        "takes only ;transport=udp, ;transport=tcp, ;transport=tls and ;lr",
    ),
    (
        "sip.trunk[0].next_hop",
        "wss:a.example",
        "cannot be a WebSocket: only clients open those (RFC 7118)",
    ),
    ("sip.trunk[0].allowed_names", [], "must not be empty"),
    ("sip.trunk[0].tls.verify", "no", "must be true or false"),
    ("sip.tls.verify_clients", "yes", 'must be "no", "optional" or "required"'),
    ("sip.websocket.max_connections", 0, "must be at least 1"),
    ("sip.trunk[0].next_hop", "udp:1.2.3.4;lr", 'takes parameters only after "sip:"'),
    (
        "sip.trunk[0].allowed_sources[0]",
        "192.0.2.1/24",
        'must be an IP address or a network such as "192.0.2.0/24"',
    ),
    ("sip.trunk[0].profile", "rfc", 'must be "rfc7572" or "draft"'),
    ("sip.trunk[0].s2x_accept", 201, "must be 200 or 202"),
    ("sip.trunk[0].s2x_hold", 4001, "must be at most 4000"),
    ("sip.trunk[0].s2x_hold", -1, "must be at least 0"),
    ("sip.trunk[0].window", 0, "must be at least 1"),
    ("smpp.link[0].system_id", "a" * 16, "must be 1 to 15 visible ASCII characters"),
    ("smpp.link[0].bind", "trx", 'must be "transceiver" or "pair"'),
    ("smpp.link[0].system_type", "a" * 13, "must be at most 12 printable ASCII characters"),
    ("smpp.link[0].prefixes", [], "must not be empty"),
    ("smpp.link[0].prefixes[0]", "49", 'must be such as "+49"; "+" or "" for any number'),
    ("smpp.link[0].number_pool", "X", "must be a list of numbers or a table with prefix and width"),
    ("smpp.link[0].number_pool", [], "must not be empty"),
    ("smpp.link[0].number_pool.width", 13, "must be at most 12"),
    ("smpp.link[0].service_number", "Alice", "must be a telephone number or a short code"),
    ("smpp.link[0].profile", 1, "must be the name of a profile or a table"),
    ("smpp.link[0].profile", "cp437", 'must be "default", "ascii", "latin1" or "hex_ids"'),
    ("smpp.link[0].profile.service_type", "123456", "must be at most 5 printable ASCII characters"),
    ("smpp.link[0].profile.country_code", "+49", 'must be such as "49", without +'),
    ("smpp.link[0].profile.national_prefix", "00000", "must be at most 4 digits"),
    ("smpp.link[0].profile.vnum_ton", 8, "must be at most 7"),
    ("smpp.link[0].profile.vnum_npi", 19, "must be at most 18"),
    ("smpp.link[0].profile.max_segments", 256, "must be at most 255"),
    ("smpp.link[0].validity", 0, "must be at least 0.1"),
    ("smpp.link[0].deliver_ack", "never", 'must be "early" or "late"'),
    ("smpp.link[0].timers.response", -1, "must be at least 0.1"),
]


class ValueTests(ConfigCase):
    def test_bad_values(self) -> None:
        """A value of the wrong type, form or size is one error, at its key, that says what it must be."""
        for path, value, expected in BAD_VALUES:
            raw = good()
            raw["sip"]["trunk"][0]["allowed_sources"] = ["192.0.2.1"]
            put(raw, path, value)
            told = [line.partition(" (got")[0] for line in self.problems(raw)]
            self.assertEqual(told, [f"{path}: {expected}"], value)

    def test_what_it_was(self) -> None:
        """The error shows the value, if it is short."""
        for value, shown in (
            (0, "must be at least 1 (got 0)"),
            ("5", 'must be a whole number (got "5")'),
            (True, "must be a whole number (got true)"),
            (1.5, "must be a whole number (got 1.5)"),
            ("x" * 81, "must be a whole number"),
            ([0], "must be a whole number"),
        ):
            raw = good()
            raw["smpp"]["link"][0]["window"] = value
            self.assertEqual(self.problems(raw), [f"smpp.link[0].window: {shown}"])

    def test_unknown_keys(self) -> None:
        """A key that does not exist is an error; if one of nearly that name does, it is named."""
        for path, shown in (
            ("smtp", 'smtp: is not a known key (did you mean "smpp"?)'),
            ("xmpp.components", 'xmpp.components: is not a known key (did you mean "component"?)'),
            (
                "node.patience.dedup",
                'node.patience.dedup: is not a known key (did you mean "dedupe"?)',
            ),
            (
                "smpp.link[0].number_pool.widht",
                'smpp.link[0].number_pool.widht: is not a known key (did you mean "width"?)',
            ),
            (
                "smpp.link[0].profile.id_fromat",
                'smpp.link[0].profile.id_fromat: is not a known key (did you mean "id_format"?)',
            ),
            ("sip.trunk[0].zzz", "sip.trunk[0].zzz: is not a known key"),
            ("smpp.link[0].timers.zzz", "smpp.link[0].timers.zzz: is not a known key"),
        ):
            raw = good()
            put(raw, path, 1)
            self.assertEqual(self.problems(raw), [shown])
        raw = good()
        raw["node"]["odd key"] = 1
        self.assertEqual(self.problems(raw), ['node."odd key": is not a known key'])
        raw = good()
        raw["smpp"]["link"][0].update({"timers": {"<list>": 1}, "<table>": 2})
        self.assertEqual(
            self.problems(raw),
            [
                'smpp.link[0].timers."<list>": is not a known key',
                'smpp.link[0]."<table>": is not a known key',
            ],
        )

    def test_required_keys(self) -> None:
        """A key without a default must be given."""
        for section, kind, keys in (
            ("xmpp", "component", ("domain", "connect", "bridges")),
            ("sip", "alias", ("domain", "bridges")),
            ("sip", "trunk", ("domains",)),
            ("smpp", "link", ("connect", "system_id", "prefixes", "number_pool")),
        ):
            for key in keys:
                raw = good()
                del raw[section][kind][0][key]
                self.assertEqual(self.problems(raw), [f"{section}.{kind}[0].{key}: is required"])
        for key in ("name", "state_directory"):
            raw = good()
            del raw["node"][key]
            self.assertEqual(self.problems(raw), [f"node.{key}: is required"])
        self.assertEqual(self.problems({}), ["node: is required"])

    def test_single_brackets(self) -> None:
        """Who writes [sip.trunk] for [[sip.trunk]] is told so."""
        raw = good()
        raw["sip"]["trunk"] = raw["sip"]["trunk"][0]
        self.assertEqual(
            self.problems(raw),
            ["sip.trunk: must be a list; if it is a table, write [[sip.trunk]] with two brackets"],
        )

    def test_number_forms(self) -> None:
        """Numbers of a pool are canonical or short codes; a block is letters or digits (ADDR-44)."""
        for path, value in (
            ("smpp.link[0].number_pool", ["4915100000001"]),
            ("smpp.link[0].number_pool", ["+0151"]),
            ("smpp.link[0].number_pool", ["Alice"]),
            ("smpp.link[0].number_pool", {"prefix": "X" * 9, "width": 1}),
            ("smpp.link[0].number_pool", {"prefix": "", "width": 1}),
            ("smpp.link[0].number_pool", {"prefix": "a b", "width": 1}),
            ("smpp.link[0].profile", {"unknown_subscriber_errors": [""]}),
        ):
            raw = good()
            put(raw, path, value)
            (told,) = self.problems(raw)
            self.assertIn(": must be ", told)

    def test_names_are_canonical(self) -> None:
        """Host names come out in lower case, as A-labels, without a trailing dot (ADDR-14)."""
        raw = good()
        raw["node"]["name"] = "GW.Bücher.Example."
        raw["sip"]["alias"][0]["serves"] = ["*.MÜNCHEN.example", "*"]
        raw["sip"]["trunk"][0]["domains"] = ["[2001:DB8:0::1]", "192.0.2.7"]
        found = read(raw)
        self.assertEqual(found.gateway.name, "gw.xn--bcher-kva.example")
        self.assertEqual(found.gateway.aliases[2].serves, ("*.xn--mnchen-3ya.example", "*"))
        self.assertEqual(found.gateway.trunks[0].domains, ("[2001:db8::1]", "192.0.2.7"))

    def test_endpoints(self) -> None:
        """Every way to write an address to connect to becomes an endpoint that Twisted takes."""
        for written, host, port in (
            ("127.0.0.1:5347", "127.0.0.1", 5347),
            ("tcp:127.0.0.1:5347", "127.0.0.1", 5347),
            ("[::1]:5347", "::1", 5347),
            ("tcp:[::1]:5347", "::1", 5347),
            ("XMPP.example:5347", "xmpp.example", 5347),
            ("tcp:host=10.0.0.1:port=99", "10.0.0.1", 99),
        ):
            raw = good()
            raw["smpp"]["link"][0]["connect"] = written
            reactor = MemoryReactorClock()
            clientFromString(reactor, read(raw).smpp.links[0].connect).connect(None)
            self.assertEqual(reactor.tcpClients[0][:2], (host, port), written)
        for same in ("unix:/run/smsc.sock", "tls:smsc.example:3550"):
            raw["smpp"]["link"][0]["connect"] = same
            self.assertEqual(read(raw).smpp.links[0].connect, same)

    def test_hops(self) -> None:
        """Every way to write a SIP address becomes the same value."""
        for written, expected in (
            ("udp:127.0.0.1:5070", Hop("udp", "127.0.0.1", 5070)),
            ("127.0.0.1:5070", Hop("udp", "127.0.0.1", 5070)),
            ("127.0.0.1", Hop("udp", "127.0.0.1", 5060)),
            ("tcp:[::1]:5070", Hop("tcp", "::1", 5070)),
            ("sip:127.0.0.1:5070;transport=tcp", Hop("tcp", "127.0.0.1", 5070)),
            ("sip:Proxy.Example;lr", Hop("udp", "proxy.example", 5060)),
            ("tls:127.0.0.1", Hop("tls", "127.0.0.1", 5061)),
            ("sip:127.0.0.1;transport=tls", Hop("tls", "127.0.0.1", 5061)),
            ("sips:127.0.0.1:5070;transport=tcp", Hop("tls", "127.0.0.1", 5070)),
            ("ws:127.0.0.1", Hop("ws", "127.0.0.1", 80)),
            ("WSS:[::1]", Hop("wss", "::1", 443)),
        ):
            self.assertEqual(hop(written), expected)

    def test_next_hops(self) -> None:
        """A name without a port is what RFC 3263 locates (SIP-50); all else is an address as it stands."""
        for written, expected in (
            ("Proxy.Example", Target("proxy.example")),
            ("sip:proxy.example;lr", Target("proxy.example")),
            ("udp:proxy.example", Target("proxy.example", transport="udp")),
            ("sip:proxy.example;transport=tcp", Target("proxy.example", transport="tcp")),
            ("tls:proxy.example", Target("proxy.example", transport="tls")),
            ("sips:proxy.example", Target("proxy.example", transport="tls")),
            ("proxy.example:5070", Hop("udp", "proxy.example", 5070)),
            ("tcp:proxy.example:5070", Hop("tcp", "proxy.example", 5070)),
            ("192.0.2.1", Hop("udp", "192.0.2.1", 5060)),
            ("tcp:[2001:db8::1]", Hop("tcp", "2001:db8::1", 5060)),
        ):
            raw = good()
            raw["sip"]["trunk"][0].update(next_hop=written, allowed_sources=["192.0.2.1"])
            self.assertEqual(read(raw).sip.trunks[0].next_hop, expected)

    def test_dns_servers(self) -> None:
        """Name servers are addresses, with a port or without; none: those of the system."""
        raw = good()
        self.assertEqual(read(raw).sip.dns_servers, ())
        raw["sip"]["dns_servers"] = ["127.0.0.1:5353", "192.0.2.53", "[::1]", "[2001:DB8::53]:54"]
        self.assertEqual(read(raw).sip.dns_servers,
                         (("127.0.0.1", 5353), ("192.0.2.53", 53), ("::1", 53), ("2001:db8::53", 54)))
        told = "sip.dns_servers[0]: must be an IP address, with a port or not, such as \"127.0.0.1:5353\""
        for wrong in ("dns.example", "::1", "192.0.2.53:", "192.0.2.53:x", ""):
            raw["sip"]["dns_servers"] = [wrong]
            self.assertEqual(self.problems(raw), [f'{told} (got "{wrong}")'])
        raw["sip"]["dns_servers"] = ["192.0.2.53:0"]
        self.assertEqual(self.problems(raw),
                         ['sip.dns_servers[0]: must have a port between 1 and 65535 (got "192.0.2.53:0")'])


class SecretTests(ConfigCase):
    def test_from_file(self) -> None:
        """A secret may stand in a file beside the configuration; line ends are no part of it."""
        path = self.file(b"")
        (path.parent / "s").write_text(SECRET + "\r\n")
        (path.parent / "s").chmod(0o600)
        raw = good()
        del raw["xmpp"]["component"][0]["secret"]
        raw["xmpp"]["component"][0]["secret_file"] = "s"
        found = settings_of(raw, path.parent, {})
        self.assertEqual(found.xmpp.components[0].secret, SECRET)
        self.assertEqual(found.warnings, ())

    def test_from_environment(self) -> None:
        """A password may come from the environment."""
        raw = good()
        del raw["smpp"]["link"][0]["password"]
        raw["smpp"]["link"][0]["password_env"] = "IWF_PW"
        self.assertEqual(read(raw, {"IWF_PW": "geheim"}).smpp.links[0].password, "geheim")

    def test_exactly_one(self) -> None:
        """No secret, or two of them, is an error."""
        self.assert_problem(
            lambda raw: raw["xmpp"]["component"][0].pop("secret"),
            "xmpp.component[0].secret: is required: give one of secret, secret_file, secret_env",
        )
        self.assert_problem(
            lambda raw: raw["smpp"]["link"][0].update(password_env="X"),
            "smpp.link[0].password_env: give only one of password, password_file, password_env",
        )

    def test_unusable(self) -> None:
        """A secret that cannot be found or sent is an error at its key."""
        base = Path(self.mktemp())
        base.mkdir()
        (base / "latin").write_bytes(b"\xff")
        (base / "empty").write_bytes(b"\n")
        environ = {"LONG": "123456789", "NUL": "a\0", "NOTEXT": "\udcff"}
        for key, value, expected in (
            ("password_file", "none", "cannot read the file: No such file or directory"),
            ("password_file", ".", "cannot read the file: Is a directory"),
            ("password_file", "latin", "the file is not UTF-8 text"),
            ("password_file", "empty", "the secret is empty"),
            ("password_file", "a\0b", "must be free of NUL"),
            ("password_env", "NONE", "the environment variable is not set"),
            ("password_env", "LONG", "the secret must be at most 8 octets long"),
            ("password_env", "NUL", "the secret holds characters that cannot be sent"),
            ("password_env", "NOTEXT", "the secret holds characters that cannot be sent"),
            ("password", "é", "the secret holds characters that cannot be sent"),
            ("password", "", "the secret is empty"),
            ("password", 12345678, "must be a text"),
        ):
            raw = good()
            del raw["smpp"]["link"][0]["password"]
            raw["smpp"]["link"][0][key] = value
            error = self.assertRaises(ConfigError, settings_of, raw, base, environ)
            self.assertEqual(
                [str(p) for p in error.problems], [f"smpp.link[0].{key}: {expected}"], (key, value)
            )

    def test_never_shown(self) -> None:
        """Neither errors nor the repr of settings show a secret, whatever else is wrong."""
        found = with_secret(read(good()), "installation-secret")
        shown = repr((found, found.xmpp, found.smpp, found.gateway))
        for secret in (SECRET, "'pass'", "installation-secret"):
            self.assertNotIn(secret, shown)
        self.assertEqual(found.gateway.secret, "installation-secret")
        raw = good()
        raw["xmpp"]["component"][0].update(window=0, sercet=SECRET, secret_env=SECRET)
        raw["xmpp"]["component"][1].update(secret=[SECRET], serves=1)
        del raw["smpp"]["link"][0]["password"]
        raw["smpp"]["link"][0].update(password_env=SECRET, password_file={"a": SECRET})
        text = "\n".join(self.problems(raw))
        self.assertNotIn(SECRET, text)
        raw["xmpp"]["component"][1]["secret"] = SECRET
        self.assertNotIn(SECRET, "\n".join(self.problems(raw)))

    def test_readable_by_all(self) -> None:
        """A file that everybody can read is warned of, if it holds a secret."""
        text = EXAMPLE.read_text()
        expected = "the file holds secrets, and everybody on this machine can read it"
        self.assertEqual(load(self.file(text, 0o644), {}).warnings, (expected,))
        self.assertEqual(load(self.file(text, 0o640), {}).warnings, ())
        path = self.file('[node]\nname = "a"\nstate_directory = "s"\n', 0o644)
        self.assertNotIn(expected, load(path, {}).warnings)
        raw = good()
        del raw["smpp"]["link"][0]["password"]
        raw["smpp"]["link"][0]["password_file"] = "pw"
        (path.parent / "pw").write_text("geheim")
        (path.parent / "pw").chmod(0o644)
        self.assertEqual(
            settings_of(raw, path.parent, {}).warnings,
            ("smpp.link[0].password_file: everybody on this machine can read the file",),
        )
