"""Rules between the tables of a configuration file: one spoiled document for each."""

from __future__ import annotations

from tests.support.configs import ConfigCase, Raw, good, put, read, second


class NameRules(ConfigCase):
    def test_same_domain(self) -> None:
        """Two components, or two aliases, cannot have one domain."""
        self.assert_problem(
            lambda raw: put(raw, "xmpp.component[1].domain", "SIP.xmpp.example"),
            "xmpp.component[1].domain: is the same as xmpp.component[0].domain",
        )
        self.assert_problem(
            lambda raw: put(raw, "sip.alias[1].domain", "xmpp.sip.example"),
            "sip.alias[1].domain: is the same as sip.alias[0].domain",
        )

    def test_one_domain_in_both_worlds(self) -> None:
        """A component and a SIP alias may share a name; they never meet."""
        raw = good()
        put(raw, "sip.alias[1].domain", "sms.xmpp.example")
        self.assertEqual(read(raw).warnings, ())

    def test_same_name(self) -> None:
        """Trunks, and links, have different names, given or not: lanes are named after them."""
        self.assert_problem(
            lambda raw: second(raw, "sip.trunk", domains=["b.example"], name="sip.example"),
            "sip.trunk[1].name: gives the same name as sip.trunk[0].name",
        )
        self.assert_problem(
            lambda raw: second(raw, "smpp.link", prefixes=["+49"]),
            "smpp.link[1].name: gives the same name as smpp.link[0].name",
        )

    def test_same_listener(self) -> None:
        """One address is listened on once."""
        self.assert_problem(
            lambda raw: raw["sip"]["listen"].append("127.0.0.1"),
            "sip.listen[2]: is listed twice",
        )

    def test_lists_without_repetition(self) -> None:
        """A domain has one trunk in its tenant, and no list names something twice."""
        self.assert_problem(
            lambda raw: second(raw, "sip.trunk", name="b"),
            "sip.trunk[1].domains[0]: is the same as sip.trunk[0].domains[0]",
        )
        for path, values in (
            ("sip.alias[0].serves", ["a.example", "A.example"]),
            ("smpp.link[0].prefixes", ["+49", "+49"]),
            ("smpp.link[0].number_pool", ["+49151", "+49151"]),
        ):
            raw = good()
            put(raw, path, values)
            self.assertEqual(self.problems(raw), [f"{path}[1]: is the same as {path}[0]"])

    def test_own_domains(self) -> None:
        """ADDR-23: a domain of the gateway is no native domain of anybody."""
        own = "is a domain of the gateway itself, at"
        self.assert_problem(
            lambda raw: put(raw, "sip.trunk[0].domains", ["sip.example", "xmpp.sip.example"]),
            f"sip.trunk[0].domains[1]: xmpp.sip.example {own} sip.alias[0].domain",
        )
        self.assert_problem(
            lambda raw: put(raw, "sip.alias[0].serves", ["sip.xmpp.example"]),
            f"sip.alias[0].serves[0]: sip.xmpp.example {own} xmpp.component[0].domain",
        )


def both(raw: Raw) -> Raw:
    """A SIP domain that is reached directly, and by a trunk."""
    raw["sip"]["trunk"][0]["domains"] = ["sip.example", "both.example"]
    return second(raw, "xmpp.component", domain="both.example", scheme="direct")


class DirectScheme(ConfigCase):
    def test_one_scheme(self) -> None:
        """ADDR-29: a domain that is reached directly is not served by alias as well."""
        raw = good()
        both(raw)
        raw["xmpp"]["component"][0]["serves"] = ["sip.example", "both.example"]
        self.assertEqual(
            self.problems(raw),
            [
                "xmpp.component[0].serves[1]: "
                + "both.example is reached by the direct scheme already, at xmpp.component[2].domain"
            ],
        )

    def test_serves_itself(self) -> None:
        """A direct domain serves itself and nothing else."""
        raw = good()
        both(raw)["serves"] = ["both.example"]
        read(raw)
        raw["xmpp"]["component"][2]["serves"] = ["*"]
        self.assertEqual(
            self.problems(raw),
            ['xmpp.component[2].serves: must be absent or ["both.example"]'],
        )

    def test_not_in_both_worlds(self) -> None:
        """One domain cannot be handed over in both directions."""
        raw = good()
        both(raw)
        second(raw, "sip.alias", domain="both.example", serves=["z.example"])
        self.assertEqual(
            self.problems(raw),
            [
                "xmpp.component[2].domain: is also sip.alias[2].domain: its users would meet themselves"
            ],
        )

    def test_no_phones(self) -> None:
        """ADDR-38: phones have one form of address only."""
        self.assert_problem(
            lambda raw: put(raw, "sip.alias[1].scheme", "direct"),
            'sip.alias[1].scheme: must be "alias" for sms: a phone is always +number@domain',
        )

    def test_has_a_trunk(self) -> None:
        """A direct SIP domain must be reachable."""
        self.assert_problem(
            lambda raw: second(raw, "xmpp.component", domain="b.example", scheme="direct"),
            "xmpp.component[2].scheme: no [[sip.trunk]] of tenant default has b.example",
        )
        raw = good()
        second(raw, "xmpp.component", domain="b.example", scheme="direct")
        raw["sip"]["trunk"][0]["domains"].append("*")
        read(raw)

    def test_nothing_left(self) -> None:
        """A component by alias whose trunks are all reached directly has nobody to serve."""
        raw = good()
        second(raw, "xmpp.component", domain="sip.example", scheme="direct")
        self.assertEqual(
            self.problems(raw),
            ["xmpp.component[0].serves: is empty: every domain of its trunks is reached directly"],
        )


class Counterparts(ConfigCase):
    def test_component_to_sip(self) -> None:
        """A component to SIP needs a trunk, and an alias by which SIP users can answer."""
        raw = good()
        raw["xmpp"]["component"] = [{**raw["xmpp"]["component"][0], "tenant": "b"}]
        raw["sip"]["alias"].pop(0)
        self.assertEqual(
            self.problems(raw),
            [
                "xmpp.component[0].bridges: needs a [[sip.trunk]] in tenant b",
                'xmpp.component[0].bridges: needs a [[sip.alias]] that bridges "xmpp" in tenant b',
            ],
        )

    def test_alias_to_xmpp(self) -> None:
        """An alias to XMPP needs a component to SIP, and a trunk to receive from."""
        needs = (
            'sip.alias[0].bridges: needs a [[xmpp.component]] that bridges "sip" in tenant default'
        )
        self.assert_problem(lambda raw: raw["xmpp"]["component"].pop(0), needs)
        raw = good()
        del raw["xmpp"]["component"][0], raw["sip"]["trunk"]
        self.assertEqual(
            self.problems(raw),
            [
                "sip.alias[0].bridges: needs a [[sip.trunk]] in tenant default",
                needs,
                "sip.alias[1].bridges: needs a [[sip.trunk]] in tenant default",
            ],
        )

    def test_sms(self) -> None:
        """Whatever bridges SMS needs a link in its own tenant."""
        self.assert_problem(
            lambda raw: raw.pop("smpp"),
            "xmpp.component[1].bridges: needs a [[smpp.link]] in tenant default",
            "sip.alias[1].bridges: needs a [[smpp.link]] in tenant default",
        )

    def test_alias_serves(self) -> None:
        """ADDR-25: an alias to XMPP names the domains behind it."""
        self.assert_problem(
            lambda raw: raw["sip"]["alias"][0].pop("serves"),
            "sip.alias[0].serves: is required: the XMPP domains seen behind it",
        )


class SipRules(ConfigCase):
    def test_listen(self) -> None:
        """SIP peers need a place to send to."""
        self.assert_problem(
            lambda raw: raw["sip"].pop("listen"),
            "sip.listen: is required: SIP peers must reach the gateway somewhere",
        )

    def test_wildcard_listener(self) -> None:
        """SIP-45: who listens everywhere must say by which name he is found."""
        for listen in (["0.0.0.0", "tcp:0.0.0.0"], ["[::]", "tcp:[::]"]):
            raw = good()
            raw["sip"]["listen"] = listen
            self.assertEqual(
                self.problems(raw),
                ["sip.host: is required when the gateway listens on every interface"],
            )
            raw["sip"]["host"] = "[2001:DB8::5]"
            self.assertEqual(read(raw).sip.host, "2001:db8::5")

    def test_sources(self) -> None:
        """SIP-63: it must be known from where a trunk may speak."""
        told = (
            "sip.trunk[0].allowed_sources: is required:"
            " next_hop holds no IP address that could be the default"
        )
        for name in ("a.example", "udp:a.example", "tcp:a.example:5060"):
            self.assert_problem(lambda raw, name=name: put(raw, "sip.trunk[0].next_hop", name), told)
        self.assert_problem(lambda raw: raw["sip"]["trunk"][0].pop("next_hop"), told)
        raw = good()
        del raw["sip"]["trunk"][0]["next_hop"]
        raw["sip"]["trunk"][0].update(domains=["*"], allowed_sources=["192.0.2.0/24", "::1"])
        trunk = read(raw).sip.trunks[0]
        self.assertEqual((trunk.next_hop, trunk.allowed_sources), (None, ("192.0.2.0/24", "::1")))

    def test_proxy(self) -> None:
        """What is about the proxy needs one (SIP-48, SIP-50)."""
        for key, value in (("loose_route", True), ("keep_alive", "crlf"), ("keep_alive", "options")):

            def spoil(raw: Raw, key: str = key, value: object = value) -> None:
                del raw["sip"]["trunk"][0]["next_hop"]
                raw["sip"]["trunk"][0].update({"allowed_sources": ["192.0.2.1"], key: value})

            self.assert_problem(spoil, f"sip.trunk[0].{key}: needs a next_hop")

    def test_large(self) -> None:
        """MSG-28: large requests need TCP."""
        told = "sip.trunk[0].trusted_large: needs a next_hop by tcp or tls"
        self.assert_problem(lambda raw: put(raw, "sip.trunk[0].trusted_large", True), told)


class OtherRules(ConfigCase):
    def test_pool_length(self) -> None:
        """ADDR-44, ADDR-36: virtual numbers fit into an SMPP address."""
        path = "smpp.link[0].number_pool"
        for prefix, width, told in (
            ("XY", 10, f"{path}.width: makes numbers of 12 characters, at most 11 are possible"),
            (
                "+49151",
                12,
                f"{path}.width: makes numbers of 17 characters, at most 15 are possible",
            ),
            ("+X", 2, f"{path}.prefix: must not have both + and letters"),
        ):
            raw = good()
            put(raw, path, {"prefix": prefix, "width": width})
            self.assertEqual(self.problems(raw), [told])
        for prefix, width in (("X", 10), ("+491510", 9), ("12345678", 12)):
            put(raw, path, {"prefix": prefix, "width": width})
            read(raw)

    def test_service_number(self) -> None:
        """The service number is nobody's virtual number."""
        for pool in ({"prefix": "+49", "width": 5}, ["+4912345"]):
            raw = good()
            raw["smpp"]["link"][0].update(number_pool=pool, service_number="+4912345")
            self.assertEqual(
                self.problems(raw),
                ["smpp.link[0].service_number: must not be one of the number_pool"],
            )

    def test_patience(self) -> None:
        """Short waits are shorter than the long ones they are part of."""
        for short, long in (
            ("grace", "delivery"),
            ("next_hop", "delivery"),
            ("early_receipt", "receipts"),
        ):
            raw = good()
            times = {"grace": 1, "next_hop": 1, "early_receipt": 1, long: 10, short: 11}
            raw["node"]["patience"] = times
            self.assertEqual(
                self.problems(raw),
                [f"node.patience.{short}: must not be longer than {long} (10)"],
            )


class Warnings(ConfigCase):
    def assert_warning(self, raw: Raw, *expected: str) -> None:
        self.assertEqual(read(raw).warnings, expected)

    def test_udp_alone(self) -> None:
        """SIP-40: UDP without TCP beside it is warned of, and TCP is not opened silently."""
        raw = good()
        raw["sip"]["listen"] = ["tcp:127.0.0.1:5061", "udp:127.0.0.1:5060"]
        told = "has no tcp listener at the same address and port (RFC 3261 18.2.1)"
        self.assert_warning(raw, f"sip.listen[1]: {told}")
        self.assertEqual(len(read(raw).sip.listen), 2)

    def test_open_network(self) -> None:
        """XMPP-1: a component stream that leaves the machine is warned of."""
        for connect, told in (
            ("192.0.2.1:5347", True), ("xmpp.example:5347", True), ("[2001:db8::1]:1", True),
            ("tcp:host=192.0.2.1:port=1", True), ("[::1]:5347", False),
            ("tls:xmpp.example:1", False), ("unix:/run/xmpp", False),
        ):  # fmt: skip
            raw = good()
            put(raw, "xmpp.component[0].connect", connect)
            warning = "xmpp.component[0].connect: leaves this machine without TLS"
            self.assert_warning(raw, *[warning] * told)

    def test_anybody(self) -> None:
        """SIP-63: a trunk for the whole world is warned of."""
        raw = good()
        put(raw, "sip.trunk[0].allowed_sources", ["0.0.0.0/0"])
        told = "sip.trunk[0].allowed_sources: lets anybody speak for the domains of this trunk"
        self.assert_warning(raw, told)

    def test_domain_without_trunk(self) -> None:
        """A SIP domain that is served but cannot be reached is warned of."""
        raw = good()
        put(raw, "xmpp.component[0].serves", ["sip.example", "other.example", "*.example"])
        told = "xmpp.component[0].serves[1]: no [[sip.trunk]] of tenant default has other.example"
        self.assert_warning(raw, told)

    def test_ambiguous(self) -> None:
        """Where two entries would do, the operator is told that the first is taken."""
        raw = good()
        second(raw, "xmpp.component", domain="sip2.xmpp.example")
        self.assert_warning(
            raw, "xmpp.component[2].serves: sip.example is seen behind xmpp.component[0] already"
        )

    def test_idle(self) -> None:
        """A trunk or a link that nobody can reach is warned of."""
        raw = good()
        second(raw, "sip.trunk", name="b", tenant="b")
        second(raw, "smpp.link", name="b", tenant="b")
        self.assert_warning(
            raw,
            "sip.trunk[1]: no [[sip.alias]] of tenant b could receive from it",
            'smpp.link[1]: no component or alias of tenant b bridges "sms"',
        )

    def test_receipts(self) -> None:
        """RCPT-9: a text that is valid for longer than receipts are awaited is warned of."""
        raw = good()
        put(raw, "smpp.link[0].validity", 604_800)
        told = "is longer than node.patience.receipts: late receipts are lost"
        self.assert_warning(raw, f"smpp.link[0].validity: {told}")
