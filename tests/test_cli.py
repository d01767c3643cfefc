"""The command ``iwf``: what an operator sees, and what a program reads."""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from iwf.cli import run
from tests.support.world import CONFIGURATION

NOW = 1_790_000_000.0

MESSAGE = (
    "MESSAGE sip:romeo*xmpp.test@xmpp.sip.test SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK7f3a;rport\r\n"
    "Max-Forwards: 69\r\n"
    "From: \"Juliet\" <sip:juliet@sip.test>;tag=a1\r\n"
    "To: <sip:romeo*xmpp.test@xmpp.sip.test>\r\n"
    "Call-ID: 4b1f0c9d7e@127.0.0.1\r\n"
    "CSeq: 5 MESSAGE\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 7\r\n\r\nGrüße")


class CliTests(SynchronousTestCase):
    """``iwf check``, ``iwf map`` and ``iwf explain``."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.config = self.folder / "iwf.toml"
        self.config.write_text(CONFIGURATION.format(trunk="", link=""))
        os.chmod(self.config, 0o600)

    def iwf(self, *arguments: str) -> tuple[int, str, str]:
        out, errors = StringIO(), StringIO()
        code = run(arguments, out, errors, lambda: NOW)
        return code, out.getvalue(), errors.getvalue()

    def explained(self, edge: str, wire: str | bytes, *more: str) -> dict[str, Any]:
        path = self.folder / "wire"
        path.write_bytes(wire.encode() if isinstance(wire, str) else wire)
        _, out, errors = self.iwf("explain", "--config", str(self.config), "--in", edge, "--json",
                                  *more, str(path))
        self.assertEqual(errors, "")
        story: dict[str, Any] = json.loads(out)
        self.assertLessEqual({"verdict", "answer", "out", "neutral", "rules"}, set(story))
        return story

    def test_check_good(self) -> None:
        """A good file is ok, for people and for programs."""
        code, out, _ = self.iwf("check", str(self.config))
        self.assertEqual((code, out.splitlines()[-1]), (0, f"{self.config}: ok"))
        code, out, _ = self.iwf("check", "--json", str(self.config))
        self.assertEqual((code, json.loads(out)["ok"]), (0, True))

    def test_check_bad(self) -> None:
        """Every error of a file is listed at once with its key."""
        self.config.write_text(self.config.read_text().replace('system_id = "iwf"', "window = 0"))
        code, out, _ = self.iwf("check", "--json", str(self.config))
        found = json.loads(out)
        self.assertEqual((code, found["ok"]), (1, False))
        self.assertLessEqual({"smpp.link[0].window", "smpp.link[0].system_id"},
                             {error["path"] for error in found["errors"]})

    def test_check_nothing(self) -> None:
        """A file that is not there is an error, not a traceback."""
        code, out, _ = self.iwf("check", str(self.folder / "nothing.toml"))
        self.assertEqual(code, 1)
        self.assertIn("error:", out)

    def test_map(self) -> None:
        """An address in every world, null where it has none, with the reason (ADDR-16..18, 38)."""
        for text, xmpp, sip, sms in (
                ("romeo@xmpp.test", "romeo@xmpp.test", "sip:romeo*xmpp.test@xmpp.sip.test", None),
                ("sip:o'malley@sip.test", "o\\27malley*sip.test@sip.xmpp.test",
                 "sip:o'malley@sip.test", None),
                ("+49 170 1234567".replace(" ", ""), "+491701234567@sms.xmpp.test",
                 "sip:+491701234567@sms.sip.test;user=phone", "+491701234567"),
                ("juliet*sip.test@sip.xmpp.test", "juliet*sip.test@sip.xmpp.test",
                 "sip:juliet@sip.test", None)):
            code, out, _ = self.iwf("map", "--config", str(self.config), "--json", text)
            images = json.loads(out)
            self.assertEqual((code, images["xmpp"], images["sip"], images["sms"]),
                             (0, xmpp, sip, sms), text)
            self.assertRegex(images["reason"], "[A-Z]+-[0-9]+")

    def test_map_nonsense(self) -> None:
        """What is no address has no image, and the exit code says so."""
        code, out, _ = self.iwf("map", "--config", str(self.config), "--json", "@@@")
        self.assertEqual(code, 1)
        self.assertEqual({json.loads(out)[world] for world in ("xmpp", "sip", "sms")}, {None})

    def test_explain_sip(self) -> None:
        """A SIP message: its answer on the wire, and the stanza it becomes."""
        story = self.explained("sip", MESSAGE)
        self.assertEqual(story["verdict"], "accepted")
        self.assertTrue(story["answer"].startswith("SIP/2.0 202 Accepted\r\n"))
        (out,) = story["out"]
        self.assertEqual((out["edge"], out["to"]), ("xmpp", "sip.xmpp.test"))
        self.assertIn("to='romeo@xmpp.test'", out["wire"])
        self.assertEqual(story["neutral"]["type"], "Message")
        self.assertIn("ADDR-18", story["rules"])

    def test_explain_sip_refused(self) -> None:
        """A SIP message that is refused: the code, and nothing goes out."""
        story = self.explained("sip", MESSAGE.replace("romeo*xmpp.test", "romeo"))
        self.assertEqual((story["verdict"], story["out"]), ("rejected", []))
        self.assertTrue(story["answer"].startswith("SIP/2.0 404 "))
        story = self.explained("sip", MESSAGE, "--peer", "192.0.2.99")
        self.assertTrue(story["answer"].startswith("SIP/2.0 403 "))

    def test_explain_garbage(self) -> None:
        """What is no message in its protocol is ignored or answered, never a traceback."""
        for edge in ("sip", "xmpp", "smpp"):
            for wire in (b"", b"\0\1\2\xff" * 50, b"hello\r\n\r\n", b"<a><b></a>"):
                story = self.explained(edge, wire)
                self.assertIn(story["verdict"], ("ignored", "rejected"), (edge, wire))
                self.assertEqual(story["out"], [])

    def test_explain_xmpp(self) -> None:
        """A stanza to a phone: no answer, and the submit_sm in hexadecimal."""
        story = self.explained(
            "xmpp", "<message from='romeo@xmpp.test/o' to='+491701@sms.xmpp.test' id='m1'>"
                    "<body>hi</body></message>")
        self.assertEqual((story["verdict"], story["answer"]), ("accepted", None))
        (out,) = story["out"]
        self.assertEqual((out["edge"], out["to"]), ("smpp", "operator"))
        self.assertEqual(bytes.fromhex(out["wire"])[4:8], b"\0\0\0\4")

    def test_explain_xmpp_refused(self) -> None:
        """A stanza that is refused: the error stanza it is answered with."""
        story = self.explained("xmpp", "<message from='romeo@xmpp.test/o' "
                                       "to='juliet@sip.xmpp.test' id='m1'><body>hi</body></message>")
        self.assertEqual(story["verdict"], "rejected")
        self.assertIn("<item-not-found", story["answer"])

    def test_explain_smpp(self) -> None:
        """A PDU in hexadecimal or octets: a text to the service number (ADDR-50)."""
        # data_coding 1: in the default alphabet the sign @ would be another octet.
        text = b"TO romeo@xmpp.test hi"
        body = (b"\x00\x01\x01491701\x00\x00\x004455\x00" + bytes(7) + b"\x01\x00"
                + bytes([len(text)]) + text)
        pdu = (16 + len(body)).to_bytes(4, "big") + b"\0\0\0\5\0\0\0\0\0\0\0\7" + body
        for wire in (pdu, pdu.hex(), " ".join(f"{octet:02x}" for octet in pdu)):
            story = self.explained("smpp", wire)
            self.assertEqual(story["verdict"], "accepted", story)
            self.assertEqual(story["answer"], "0000001180000005000000000000000700")
            self.assertIn("to='romeo@xmpp.test'", story["out"][0]["wire"])

    def test_explain_ping(self) -> None:
        """What the edge answers by itself is no refusal."""
        story = self.explained("xmpp", "<iq type='get' id='1' from='romeo@xmpp.test/o' "
                                       "to='sip.xmpp.test'><ping xmlns='urn:xmpp:ping'/></iq>")
        self.assertEqual(story["verdict"], "accepted")
        self.assertIn("type='result'", story["answer"])

    def test_bad_configuration(self) -> None:
        """Tools say what is wrong with the configuration and exit with 2."""
        self.config.write_text("nonsense = 1")
        code, out, errors = self.iwf("map", "--config", str(self.config), "romeo@xmpp.test")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("error:", errors)
