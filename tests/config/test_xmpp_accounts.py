"""The keys of subscribers' accounts and of commands (XMPP-33)."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

from iwf.config import settings_of
from iwf.errors import ConfigError
from iwf.xmpp.settings import AccountsSettings, Place
from tests.support.configs import ConfigCase, good, read

KEY = b64encode(bytes(range(32))).decode()


class AccountTests(ConfigCase):
    """``[xmpp.accounts]``"""

    def settings(self, **keys: Any) -> AccountsSettings:
        raw = good()
        raw["xmpp"]["accounts"] = keys
        return read(raw, {"KEY": KEY, "BAD": "x"}).xmpp.accounts

    def problems(self, phones: bool = True, **keys: Any) -> list[str]:
        raw = good()
        raw["xmpp"]["accounts"] = keys
        raw["xmpp"]["component"][1]["commands"] = phones
        with self.assertRaises(ConfigError) as caught:
            settings_of(raw, Path(self.mktemp()), {"KEY": KEY, "BAD": "secret"})
        return [str(problem) for problem in caught.exception.problems]

    def test_without(self) -> None:
        """Nobody can enrol unless there is a key."""
        self.assertEqual(read(good()).xmpp.accounts, AccountsSettings())

    def test_settings(self) -> None:
        """Everything gets to the edge; domains are read as such, ports have their defaults."""
        hosts = {"Example.NET.": "starttls:xmpp.example.net", "b.example": "tls:[2001:db8::1]:443",
                 "localhost": "plain:127.0.0.1:7"}
        self.assertEqual(self.settings(key_env="KEY", hosts=hosts, strangers=True, priority=5, presence="logged-in",
                                       domains=["*.B.example"]), AccountsSettings(
            (bytes(range(32)),), ("*.b.example",), "", (("example.net", Place("starttls", "xmpp.example.net", 5222)),
                                      ("b.example", Place("tls", "2001:db8::1", 443)),
                                      ("localhost", Place("plain", "127.0.0.1", 7))), True, "logged-in", 5))

    def test_key_does_not_show(self) -> None:
        """A key is in no ``repr``, and so in no log."""
        self.assertNotIn("x01", repr(self.settings(key_env="KEY")))

    def test_problems(self) -> None:
        """What cannot be used is told by its key, and quotes no secret."""
        for keys, problem in (
            ({"key_env": "BAD"}, "xmpp.accounts.key_file: line 1 is no key: 32 octets in base64 are expected"),
            ({"key_env": "NONE"}, "xmpp.accounts.key_env: the environment variable is not set"),
            ({"key_env": "KEY", "key_file": "k"}, "xmpp.accounts.key_env: give only one of key, key_file, key_env"),
            ({"key_env": "KEY", "phones": False},
             'xmpp.accounts: needs a [[xmpp.component]] that bridges "sms" and takes commands'),
            ({"hosts": {"a.example": "plain:192.0.2.1:5222"}},
             'xmpp.accounts.hosts."a.example": must not be plain, but on this host: passwords and texts would go in '
             'the clear (got "plain:192.0.2.1:5222")'),
        ):
            self.assertIn(problem, self.problems(**keys), keys)  # type: ignore[arg-type]
        self.assertTrue(any(one.startswith("xmpp.accounts.ca:") for one in self.problems(ca="nowhere.pem")))

    def test_commands(self) -> None:
        """On, for users; for administrators where they are named."""
        raw = good()
        raw["xmpp"]["component"][0].update(commands=False, admins=["boss@xmpp.example"])
        first, second = read(raw).xmpp.components
        self.assertEqual((first.commands, first.admins, second.commands, second.admins),
                         (False, ("boss@xmpp.example",), True, ()))
