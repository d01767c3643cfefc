"""Documents of the configuration for tests: one without faults, and ways to spoil it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from iwf.config import Settings, settings_of
from iwf.errors import ConfigError

SECRET = "correct horse battery"
Raw = dict[str, Any]


def good() -> Raw:
    """A document without faults and without warnings, fresh each time."""
    return {
        "node": {"name": "gw.example.net", "state_directory": "state"},
        "xmpp": {
            "component": [
                {
                    "domain": "sip.xmpp.example",
                    "connect": "127.0.0.1:5347",
                    "secret": SECRET,
                    "bridges": "sip",
                },
                {
                    "domain": "sms.xmpp.example",
                    "connect": "localhost:5347",
                    "secret": SECRET,
                    "bridges": "sms",
                },
            ]
        },
        "sip": {
            "listen": ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"],
            "alias": [
                {"domain": "xmpp.sip.example", "bridges": "xmpp", "serves": ["xmpp.example"]},
                {"domain": "sms.sip.example", "bridges": "sms"},
            ],
            "trunk": [{"domains": ["sip.example"], "next_hop": "udp:192.0.2.1:5060"}],
        },
        "smpp": {
            "link": [
                {
                    "connect": "192.0.2.9:2775",
                    "system_id": "iwf",
                    "password": "pass",
                    "prefixes": ["+"],
                    "number_pool": {"prefix": "X", "width": 9},
                }
            ]
        },
    }


def second(raw: Raw, kind: str, **changes: object) -> Raw:
    """Add a copy of the first table of a kind, with changes; returns the copy."""
    section, key = kind.split(".")
    copy = {**raw[section][key][0], **changes}
    raw[section][key].append(copy)
    return copy


def put(raw: Raw, path: str, value: object) -> None:
    """Put a value at a key path such as ``smpp.link[0].timers.response``, tables made as needed."""
    *parents, last = (int(p) if p.isdigit() else p for p in re.findall(r"\w+", path))
    at: Any = raw
    for part in parents:
        at = at.setdefault(part, {}) if isinstance(at, dict) else at[part]
    at[last] = value


def read(raw: Raw, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a document that lies in /etc/iwf."""
    return settings_of(raw, Path("/etc/iwf"), environ or {})


class ConfigCase(SynchronousTestCase):
    """Helpers to ask what is wrong with a document."""

    def problems(self, raw: Raw, environ: Mapping[str, str] | None = None) -> list[str]:
        """Everything that is wrong with a document, one line each."""
        error = self.assertRaises(ConfigError, read, raw, environ)
        return [str(problem) for problem in error.problems]

    def assert_problem(self, change: Callable[[Raw], object], *expected: str) -> None:
        """A change to the good document makes exactly these problems."""
        raw = good()
        change(raw)
        self.assertEqual(self.problems(raw), list(expected))

    def file(self, content: str | bytes, mode: int = 0o600) -> Path:
        """A configuration file in a folder of its own."""
        folder = Path(self.mktemp())
        folder.mkdir()
        path = folder / "iwf.toml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path
