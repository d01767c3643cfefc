"""Links to operators: TLS, outbind, TLVs, operators."""

from __future__ import annotations

from pathlib import Path

from iwf.smpp.settings import LinkTls, OutbindSettings
from tests.support.certificates import Authority
from tests.support.configs import ConfigCase, good, put, read, second

PATH = "smpp.link[0]"


class LinkTests(ConfigCase):
    """What is said of a link and reaches the edge."""

    def test_defaults(self) -> None:
        """A link is its own operator, has one bind, no limit, no TLS and no port of its own."""
        [link] = read(good()).smpp.links
        self.assertEqual((link.operator, link.peer), (link.name, f"smpp:{link.name}"))
        self.assertEqual((link.binds, link.rate, link.also, link.tlvs, link.tls, link.outbind),
                         (1, 0, (), (), None, None))
        self.assertEqual((link.interface_version, link.profile.query, link.inactivity_timer), (0x34, False, 0))

    def test_values(self) -> None:
        """Rate, binds, further addresses, version, inactivity and query_sm (SMS-2, SMS-9, SMS-43)."""
        raw = good()
        raw["smpp"]["link"][0].update(
            operator="carrier", connect_also=["b.example:2776"], binds=3, rate=50, interface_version="5.0",
            timers={"inactivity": 600}, profile={"query": True})
        [link] = read(raw).smpp.links
        self.assertEqual((link.peer, link.binds, link.rate, link.interface_version), ("smpp:carrier", 3, 50, 0x50))
        self.assertEqual((link.also, link.inactivity_timer), (("tcp:host=b.example:port=2776",), 600))
        self.assertTrue(link.profile.query)

    def test_tlvs(self) -> None:
        """TLVs are texts or octets under hexadecimal or decimal tags, in the order of the file."""
        raw = good()
        put(raw, f"{PATH}.tlvs", {"0x1400": "1101\0", "5121": [1, 255]})
        self.assertEqual(read(raw).smpp.links[0].tlvs, ((0x1400, b"1101\0"), (5121, b"\1\xff")))

    def test_wrong_tlvs(self) -> None:
        """Tags and values that cannot be are named."""
        for value in ([], {"tag": "x"}, {"0x10000": "x"}, {"0x1400": 5}, {"0x1400": [256]}, {"0x1400": [True]},
                      {"0x1400": "x" * 1001}):
            raw = good()
            put(raw, f"{PATH}.tlvs", value)
            [problem] = self.problems(raw)
            self.assertTrue(problem.startswith(f"{PATH}.tlvs: must "), problem)

    def test_tls(self) -> None:
        """An empty table is enough: the certificate must name the host of the SMSC."""
        for connect, also, names, server_name in (
            ("smsc.example:2775", [], ("smsc.example",), "smsc.example"),
            ("smsc.example:2775", ["b.example:2775"], ("smsc.example", "b.example"), "smsc.example"),
            ("[2001:db8::1]:2775", [], ("2001:db8::1",), ""),
        ):
            raw = good()
            raw["smpp"]["link"][0].update(connect=connect, connect_also=also, tls={})
            self.assertEqual(read(raw).smpp.links[0].tls, LinkTls(names, server_name))

    def test_tls_files(self) -> None:
        """Certificates are found beside the configuration; one that cannot be read is told."""
        authority = Authority(Path(self.mktemp()).absolute())
        issued = authority.issue("iwf", ["iwf.example"])
        raw = good()
        put(raw, f"{PATH}.tls", {"allowed_names": ["smsc.example"], "certificate": issued.certificate,
                                 "key": issued.key, "ca": authority.ca})
        tls = read(raw).smpp.links[0].tls
        self.assertEqual(tls, LinkTls(("smsc.example",), "smsc.example", True, issued.certificate, issued.key,
                                      authority.ca))
        put(raw, f"{PATH}.tls", {"ca": "nowhere.pem"})
        [problem] = self.problems(raw)
        self.assertIn(f"{PATH}.tls.ca: ", problem)

    def test_outbind(self) -> None:
        """The port for outbind has credentials of its own, kept like all secrets (SMS-3)."""
        raw = good()
        put(raw, f"{PATH}.outbind", {"listen": "127.0.0.1:2776", "system_id": "SMSC", "password": "pw"})
        self.assertEqual(read(raw).smpp.links[0].outbind,
                         OutbindSettings("tcp:2776:interface=127.0.0.1", "SMSC", "pw"))
        self.assertNotIn("pw", repr(read(raw).smpp.links[0].outbind))
        put(raw, f"{PATH}.outbind", {"listen": "127.0.0.1:2776", "system_id": "SMSC"})
        self.assertEqual(self.problems(raw), [
            f"{PATH}.outbind.password: is required: give one of password, password_file, password_env"])

    def test_order_needs_receipts(self) -> None:
        """Who waits for receipts has to ask for them (SMS-17, SMS-50)."""
        raw = good()
        raw["smpp"]["link"][0].update(order="receipts", profile={"ask_receipts": False})
        self.assertEqual(self.problems(raw), [f"{PATH}.order: waits for receipts, but ask_receipts is off"])

    def test_one_operator_one_form_of_ids(self) -> None:
        """Links of one operator must read his ids alike, and cannot share a port (SMS-42)."""
        raw = good()
        outbind = {"listen": "127.0.0.1:2776", "system_id": "SMSC", "password": "pw"}
        raw["smpp"]["link"][0].update(operator="carrier", outbind=outbind)
        second(raw, "smpp.link", name="b", prefixes=["+43"], profile="hex_ids")
        self.assertEqual(self.problems(raw), [
            "smpp.link[1].operator: is that of smpp.link[0], which has another id_format",
            "smpp.link[1].outbind.listen: is in use already, by smpp.link[0].outbind"])
