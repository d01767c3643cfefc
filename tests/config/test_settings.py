"""The configuration file as a whole: from the file to settings, and what is said of it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from iwf.config import check, load, node_secret, report
from iwf.config.tables import (
    PROFILES,
)
from iwf.errors import ConfigError, IwfError
from iwf.mapping.settings import Patience, Scheme
from iwf.sip.settings import Hop
from iwf.smpp.settings import Profile
from tests.support.configs import ConfigCase, good, read, second


class ResultTests(ConfigCase):
    def test_good_file(self) -> None:
        """A file without faults becomes settings for the core and for each edge."""
        found = read(good())
        self.assertEqual(found.warnings, ())
        self.assertEqual(found.node.name, "gw.example.net")
        self.assertEqual(found.node.state_directory, Path("/etc/iwf/state"))
        self.assertEqual(found.node.synchronous, "full")
        aliases = [(a.domain, a.world, a.bridges, a.lane, a.serves) for a in found.gateway.aliases]
        self.assertEqual(
            aliases,
            [
                (
                    "sip.xmpp.example",
                    "xmpp",
                    "sip",
                    "xmpp:sip.xmpp.example",
                    ("sip.example",),
                ),
                ("sms.xmpp.example", "xmpp", "tel", "xmpp:sms.xmpp.example", ("*",)),
                ("xmpp.sip.example", "sip", "xmpp", "", ("xmpp.example",)),
                ("sms.sip.example", "sip", "tel", "", ("*",)),
            ],
        )
        self.assertEqual([t.lane for t in found.gateway.trunks], ["sip:sip.example"])
        self.assertEqual([link.lane for link in found.gateway.links], ["smpp:iwf"])
        self.assertEqual(found.gateway.patience, Patience())

    def test_edges_agree_with_core(self) -> None:
        """Lanes have the same names in the settings of the core and of the edges."""
        found = read(good())
        core = [a.lane for a in found.gateway.aliases if a.lane]
        core += [part.lane for part in (*found.gateway.trunks, *found.gateway.links)]
        parts = (*found.xmpp.components, *found.sip.trunks, *found.smpp.links)
        self.assertEqual([part.lane for part in parts], core)
        self.assertEqual([a.bridges for a in found.sip.aliases], ["xmpp", "tel"])
        self.assertEqual([c.bridges for c in found.xmpp.components], ["sip", "tel"])

    def test_node_switches(self) -> None:
        """The switches of the node reach the core: MSG-8, MSG-33, MSG-44, ADDR-20, ADDR-33."""
        raw = good()
        raw["node"].update(
            s2x_type="follow", late_error_notice=False, prefix_sender="always",
            fold_sip_user=False, map_resource=False, lane_limit=7, stream_limit=3, max_rate=0.5, max_burst=2,
            synchronous="normal", patience={"grace": 2, "notice": 60.5},
        )  # fmt: skip
        found = read(raw)
        gateway = found.gateway
        self.assertEqual(found.node.synchronous, "normal")
        self.assertEqual(
            (gateway.follow_kind, gateway.late_error_notice, gateway.prefix_sender),
            (True, False, "always"),
        )
        self.assertEqual((gateway.fold_sip_user, gateway.map_resource), (False, False))
        self.assertEqual((gateway.lane_limit, gateway.stream_limit), (7, 3))
        self.assertEqual((gateway.max_rate, gateway.max_burst), (0.5, 2))
        self.assertEqual(gateway.patience, Patience(grace=2, notice=60.5))

    def test_trunk(self) -> None:
        """Everything said of a trunk reaches the SIP edge, the hold in seconds (MSG-32)."""
        raw = good()
        raw["sip"]["trunk"][0].update(
            name="pbx", next_hop="sip:[2001:DB8::1];transport=TCP", profile="draft", s2x_accept=200,
            s2x_hold=1500, trusted_large=True, charset_parameter=False, cpim="never", receipt_on_200=True,
            trusted_identity=True, publish=True, publish_in=True, loose_route=True, keep_alive="options", html="only",
            shared=False, window=5, phones=True,
        )  # fmt: skip
        found = read(raw)
        (trunk,) = found.sip.trunks
        self.assertEqual((trunk.name, trunk.lane), ("pbx", "sip:pbx"))
        self.assertEqual(trunk.next_hop, Hop("tcp", "2001:db8::1", 5060))
        self.assertEqual(trunk.allowed_sources, ("2001:db8::1",))
        self.assertEqual((trunk.profile, trunk.accept_code, trunk.hold), ("draft", 200, 1.5))
        self.assertEqual((trunk.trusted_large, trunk.charset_parameter), (True, False))
        self.assertEqual((trunk.cpim, trunk.receipt_on_200), ("never", True))
        self.assertEqual((trunk.trusted_identity, trunk.shared, trunk.window), (True, False, 5))
        self.assertEqual((trunk.publish, trunk.publish_in), (True, True))
        self.assertEqual((trunk.loose_route, trunk.keep_alive, trunk.html), (True, "options", "only"))
        self.assertEqual([one.markup for one in found.xmpp.components],
                         [one.bridges == "sip" for one in found.xmpp.components])
        self.assertTrue(found.gateway.trunks[0].phones)

    def test_component_limit(self) -> None:
        """``max_stanza`` is the limit of what goes out, not of what comes in (MSG-29, XMPP-11)."""
        raw = good()
        raw["xmpp"]["component"][0].update(max_stanza=20_000, window=3, max_forwards=True)
        found = read(raw)
        self.assertEqual(found.gateway.aliases[0].max_size, 20_000)
        self.assertEqual(found.xmpp.components[0].max_stanza, 262_144)
        self.assertEqual((found.xmpp.components[0].window, found.xmpp.components[0].tells_hops), (3, True))

    def test_component_presence(self) -> None:
        """What crosses of presence besides presence itself is switched on by each component, and each
        knows where its tenant's phones are (XMPP-15, RICH-4, PIDF-12)."""
        raw = good()
        plain, _ = read(raw).xmpp.components
        self.assertEqual((False, (), False, False, "sms.xmpp.example"),
                         (plain.rich, plain.location, plain.one_resource, plain.is_direct, plain.phones))
        raw["xmpp"]["component"][0] |= {"rich": True, "location": ["Ben@XMPP.example"], "one_resource": True}
        rich, _ = read(raw).xmpp.components
        self.assertEqual((True, ("ben@xmpp.example",), True), (rich.rich, rich.location, rich.one_resource))

    def test_who_is_located(self) -> None:
        """Only users have a location, not their servers or their devices."""
        for jid in ("xmpp.example", "ben@xmpp.example/pc", "ben@"):
            raw = good()
            raw["xmpp"]["component"][0]["location"] = [jid]
            (problem,) = self.problems(raw)
            self.assertIn('xmpp.component[0].location[0]: must be a JID such as "user@example.net"', problem)

    def test_link(self) -> None:
        """Everything said of a link reaches the core and the SMPP edge (ERR-13, MSG-41)."""
        raw = good()
        raw["smpp"]["link"][0].update(
            name="op", bind="pair", system_type="VMA", window=4, prefixes=["+49", ""],
            number_pool=["+4915100000001", "70002"], service_number="70001", validity=60,
            deliver_ack="late", retry_unknown=True, notify_phone=False,
            timers={"session_init": 1, "enquire_link": 2, "enquire_response": 3, "response": 4},
            profile={"id_format": "numeric", "vnum_ton": 1, "unknown_subscriber_errors": ["001"]},
        )  # fmt: skip
        found = read(raw)
        (link,), (edge,) = found.gateway.links, found.smpp.links
        self.assertEqual((link.lane, link.prefixes), ("smpp:op", ("+49", "")))
        self.assertEqual(link.pool.numbers, ("+4915100000001", "70002"))
        self.assertEqual((link.service_number, link.validity), ("70001", 60))
        self.assertFalse(link.notify_phone)
        self.assertEqual(
            (edge.name, edge.bind, edge.system_type, edge.window), ("op", "pair", "VMA", 4)
        )
        self.assertEqual((edge.system_id, edge.password), ("iwf", "pass"))
        self.assertEqual((edge.deliver_hold, edge.retry_unknown), (5.0, True))
        timers = (
            edge.session_init_timer, edge.enquire_link_timer, edge.enquire_response_timer,
            edge.response_timer,
        )  # fmt: skip
        self.assertEqual(timers, (1, 2, 3, 4))
        self.assertEqual(
            edge.profile,
            Profile(name="op", id_format="numeric", vnum_ton=1, unknown_subscriber_errors=("001",)),
        )

    def test_named_profiles(self) -> None:
        """The names of built-in profiles work, and each is what it says (SMS-19, SMS-21)."""
        for name, profile in PROFILES.items():
            raw = good()
            raw["smpp"]["link"][0]["profile"] = name
            self.assertEqual(read(raw).smpp.links[0].profile, profile)
            self.assertEqual(profile.name, name)
        self.assertEqual(PROFILES["latin1"].default_alphabet, "latin1")
        self.assertEqual(PROFILES["hex_ids"].id_format, "hex_resp_dec_dlr")

    def test_pool_block(self) -> None:
        """A block of numbers is given by prefix and width (ADDR-44)."""
        pool = read(good()).gateway.links[0].pool
        self.assertEqual((pool.name, pool.numbers, pool.prefix, pool.width), ("iwf", (), "X", 9))

    def test_direct_scheme(self) -> None:
        """A SIP domain of the direct scheme serves itself, and the alias leaves it out (ADDR-29)."""
        raw = good()
        raw["sip"]["trunk"][0]["domains"] = ["sip.example", "both.example"]
        second(raw, "xmpp.component", domain="both.example", scheme="direct")
        found = read(raw)
        aliases = {a.domain: a for a in found.gateway.aliases}
        self.assertIs(aliases["both.example"].scheme, Scheme.DIRECT)
        self.assertEqual(aliases["both.example"].serves, ("both.example",))
        self.assertEqual(aliases["sip.xmpp.example"].serves, ("sip.example",))

    def test_smallest_file(self) -> None:
        """SMS alone needs no section about SIP; SIP to SMS needs none about XMPP."""
        raw = good()
        del raw["sip"], raw["xmpp"]["component"][0]
        self.assertEqual(read(raw).sip.listen, ())
        raw = good()
        del raw["xmpp"], raw["sip"]["alias"][0]
        self.assertEqual(read(raw).xmpp.components, ())


class FileTests(ConfigCase):
    def test_missing(self) -> None:
        """A file that is not there, or a folder, is a ConfigError."""
        error = self.assertRaises(ConfigError, load, self.mktemp(), {})
        self.assertEqual(str(error), "cannot read the file: No such file or directory")
        self.assertIsInstance(error, IwfError)
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assertRaises(ConfigError, load, folder, {})

    def test_syntax(self) -> None:
        """A syntax error is told with its line and column."""
        for text, expected in (
            ("[node]\nname = oops\n", "line 2, column 8: Invalid value"),
            ('a = "x', "end of the file: Unterminated string"),
            ("[node]\n[node]\n", "line 2, column 6: Cannot declare ('node',) twice"),
        ):
            errors, warnings = check(self.file(text), {})
            self.assertEqual((errors, warnings), ([expected], []))

    def test_hostile_text(self) -> None:
        """Octets that are no TOML at all are an error and no crash."""
        for content, expected in (
            (b"a = 1\n\xff", "not UTF-8 text at octet 7"),
            (b"a = " + b"[" * 100_000, "nested too deeply"),
        ):
            self.assertEqual(check(self.file(content), {})[0], [expected])
        for number in (b"9" * 5000, b"0x" + b"f" * 5000):
            text = b'[node]\nname = "a"\nstate_directory = "b"\nlane_limit = ' + number
            self.assertEqual(len(check(self.file(text), {})[0]), 1)

    def test_report(self) -> None:
        """A report has one form for people and one for programs."""
        text = '[node]\nname = "a"\nstate_directory = "s"\n[sip]\nlisten = ["udp:127.0.0.1"]\nhots = 1\n'
        found = report(self.file(text), {})
        self.assertFalse(found.ok)
        self.assertEqual(
            found.as_dict()["errors"],
            [{"path": "sip.hots", "message": 'is not a known key (did you mean "host"?)'}],
        )
        self.assertEqual(json.loads(json.dumps(found.as_dict())), found.as_dict())
        found = report(self.file(text.replace("hots = 1\n", "")), {})
        self.assertTrue(found.ok)
        self.assertEqual(
            found.lines(),
            [
                "warning: sip.listen[0]: has no tcp listener "
                + "at the same address and port (RFC 3261 18.2.1)",
                "warning: nothing is bridged: there is no component, alias, trunk or link",
            ],
        )
        self.assertEqual(found.as_dict()["ok"], True)
        self.assertEqual(found.as_dict()["warnings"][1]["path"], "")


class NodeSecretTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()) / "state"

    def test_made_once(self) -> None:
        """The secret of the installation is made at the first start and read at all others."""
        made = iter(["first", "second"])
        self.assertEqual(node_secret(self.folder, lambda: next(made)), "first")
        self.assertEqual(node_secret(self.folder, lambda: next(made)), "first")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["secret"])
        self.assertEqual(stat.S_IMODE((self.folder / "secret").stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.folder.stat().st_mode), 0o700)

    def test_two_at_once(self) -> None:
        """Of two processes that make the secret at the same time, both use the same one."""

        def make() -> str:
            return "mine" if (self.folder / "secret").exists() else node_secret_of_other()

        def node_secret_of_other() -> str:
            node_secret(self.folder, lambda: "theirs")
            return "mine"

        self.assertEqual(node_secret(self.folder, make), "theirs")

    def test_unusable(self) -> None:
        """A state directory that cannot be used is a ConfigError that names it, not a crash."""
        self.folder.parent.mkdir()
        self.folder.write_text("a file")
        error = self.assertRaises(ConfigError, node_secret, self.folder, lambda: "x")
        self.assertEqual(error.problems[0].path, "node.state_directory")
        self.folder.unlink()
        self.folder.mkdir()
        for content in (b"\n", b"\xff"):
            (self.folder / "secret").write_bytes(content)
            self.assertRaises(ConfigError, node_secret, self.folder, lambda: "x")
