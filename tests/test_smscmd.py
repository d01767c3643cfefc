"""``iwf sms``: an operator asks what a text costs."""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.cli import run
from iwf.smpp.settings import LinkSettings, Profile, SmppSettings
from iwf.smscmd import NoLink, Unsendable, as_dict, encoded, lines, profile_of
from tests.support.world import CONFIGURATION

LINK = LinkSettings("op", "smpp:op", "tcp:127.0.0.1:2775", "iwf", "secret", profile=Profile(max_segments=2))


class SmsTests(SynchronousTestCase):
    """What the command says of a text."""

    def test_for_programs(self) -> None:
        """Four keys: the alphabet, data_coding, units, and the user data of each part in hexadecimal."""
        self.assertEqual(as_dict(encoded("hi", Profile())),
                         {"alphabet": "gsm_unpacked", "data_coding": 0, "units": 2, "parts": ["6869"]})
        found = as_dict(encoded("ж" * 71, Profile()))
        self.assertEqual((found["alphabet"], found["data_coding"], found["units"]), ("ucs2", 8, 71))
        self.assertEqual([part[:12] for part in found["parts"]], ["050003010201", "050003010202"])
        self.assertEqual([len(part) // 2 for part in found["parts"]], [140, 14])

    def test_for_people(self) -> None:
        """One line that says what it costs, and one for each part."""
        for text, profile, line, parts in (
            ("hi €", Profile(), "gsm_unpacked, data_coding 0: 5 septets, 1 short message", 1),
            ("ж" * 71, Profile(), "ucs2, data_coding 8: 71 UTF-16 units, 2 short messages, joined by udh", 2),
            ("é", Profile(default_alphabet="latin1"), "latin1, data_coding 0: 1 septet, 1 short message", 1),
            ("ç", Profile(prefer_latin1=True), "latin1, data_coding 3: 1 octet, 1 short message", 1),
            ("a" * 161, Profile(long_texts="payload"),
             "gsm_unpacked, data_coding 0: 161 septets, 1 submit_sm with message_payload, which the SMSC splits", 1),
        ):
            head, *rest = lines(encoded(text, profile))
            self.assertEqual((head, len(rest)), (line, parts))

    def test_too_long(self) -> None:
        """A text over the limit is refused as it would be by the daemon (SMS-37)."""
        error = self.assertRaises(Unsendable, encoded, "a" * 307, LINK.profile)
        self.assertEqual(str(error), "the text needs 3 short messages, at most 2 are sent (max_segments)")

    def test_links(self) -> None:
        """The link asked for, the first one, or the defaults without a configuration."""
        smpp = SmppSettings((LINK, evolve(LINK, name="else", profile=Profile(charset="translit"))))
        self.assertEqual(profile_of(smpp, ""), LINK.profile)
        self.assertEqual(profile_of(smpp, "else").charset, "translit")
        self.assertEqual(profile_of(None, ""), Profile())
        for settings_, name in ((smpp, "none"), (SmppSettings(), ""), (None, "op")):
            self.assertRaises(NoLink, profile_of, settings_, name)

    @settings(max_examples=50, deadline=None)
    @given(st.text(st.characters(), max_size=300))
    def test_anything(self, text: str) -> None:
        """Any text, lone surrogates included, has an answer that can be printed."""
        text_found = encoded(text, Profile(max_segments=255))
        self.assertEqual(json.loads(json.dumps(as_dict(text_found))), as_dict(text_found))
        self.assertEqual(len(lines(text_found)), 1 + len(text_found.parts))


class CommandTests(SynchronousTestCase):
    """The command line."""

    def iwf(self, *arguments: str) -> tuple[int, str, str]:
        out, errors = StringIO(), StringIO()
        return run(["sms", *arguments], out, errors, lambda: 0.0), out.getvalue(), errors.getvalue()

    def config(self, profile: str) -> str:
        path = Path(self.mktemp())
        path.write_text(CONFIGURATION.format(trunk="", link=f"profile = {{ {profile} }}"))
        os.chmod(path, 0o600)
        return str(path)

    def test_answers(self) -> None:
        """Without a configuration, with one, and for programs."""
        self.assertEqual(self.iwf("@"), (0, "gsm_unpacked, data_coding 0: 1 septet, 1 short message\n  1 00\n", ""))
        config = self.config('default_alphabet = "ascii"')
        code, out, _ = self.iwf("--json", "--config", config, "--link", "operator", "@")
        self.assertEqual((code, json.loads(out)["parts"]), (0, ["40"]))

    def test_faults(self) -> None:
        """A text that is too long is an answer of no; a link or file that is not there is an error."""
        config = self.config("max_segments = 1")
        self.assertEqual(self.iwf("--config", config, "a" * 161)[0], 1)
        code, out, errors = self.iwf("--config", config, "--link", "nobody", "a")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("there are: operator", errors)
        self.assertEqual(self.iwf("--config", "/nowhere/at/all", "a")[0], 2)
