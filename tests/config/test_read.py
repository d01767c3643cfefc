"""Documents with many faults, and documents that nobody would write."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from iwf.config import settings_of
from iwf.config.tables import (
    ENTRIES,
    NodeTable,
    SipTable,
)
from iwf.errors import ConfigError
from tests.support.configs import ConfigCase, good, put, read


class ReadingTests(ConfigCase):
    def test_ten_errors(self) -> None:
        """A file with ten different errors lists ten, each with its key."""
        raw = good()
        raw["node"]["nmae"] = "x"
        raw["node"]["patience"] = {"grace": 100_000}
        raw["xmpp"]["component"][0]["window"] = "many"
        raw["xmpp"]["component"][1]["secret_env"] = "X"
        raw["sip"]["listen"][1] = "tcp:somewhere"
        raw["sip"]["alias"][0]["domain"] = "sip.example"
        raw["sip"]["trunk"][0]["s2x_hold"] = 5000
        raw["smpp"]["link"][0].update(password="123456789", window=0)
        raw["smpp"]["lnik"] = []
        self.assertEqual(
            [line.partition(" (")[0] for line in self.problems(raw)],
            [
                "smpp.lnik: is not a known key",
                "node.nmae: is not a known key",
                "sip.listen[1]: must hold an IP address, not a name",
                "xmpp.component[0].window: must be a whole number",
                "xmpp.component[1].secret_env: give only one of secret, secret_file, secret_env",
                "sip.trunk[0].s2x_hold: must be at most 4000",
                "smpp.link[0].window: must be at least 1",
                "smpp.link[0].password: the secret must be at most 8 octets long",
                "sip.trunk[0].domains[0]: "
                + "sip.example is a domain of the gateway itself, at sip.alias[0].domain",
                "node.patience.grace: must not be longer than delivery",
            ],
        )

    def test_nothing_is_missing_among_the_unreadable(self) -> None:
        """A broken trunk is told as such, not also as a trunk that is missing."""
        for kind in ENTRIES:
            raw = good()
            put(raw, f"{kind}[0].tenant", 1)
            told = f"{kind}[0].tenant: must be a text (got 1)"
            self.assertEqual(self.problems(raw), [told])

    @given(
        st.recursive(
            st.one_of(
                st.none(),
                st.booleans(),
                st.integers(),
                st.floats(),
                st.text(max_size=8),
                st.datetimes(),
                st.dates(),
                st.times(),
                st.sampled_from(
                    ["sip", "sms", "xmpp", "*", "a.example", "[::1]:1", "direct", "2" * 99]
                ),
                st.sampled_from([2**70, 10**4000, -(10**400)]),
            ),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        sorted(
                            {
                                "node",
                                "xmpp",
                                "sip",
                                "smpp",
                                "component",
                                "alias",
                                "trunk",
                                "link",
                                "<list>",
                                *NodeTable.model_fields,
                                *SipTable.model_fields,
                                *(
                                    name
                                    for table in ENTRIES.values()
                                    for name in table.model_fields
                                ),
                            }
                        )
                    )
                    | st.text(max_size=3),
                    inner,
                    max_size=6,
                )
            ),
            max_leaves=20,
        ).filter(lambda value: isinstance(value, dict))
    )
    @settings(max_examples=200, deadline=None)
    def test_arbitrary_documents(self, raw: dict[str, Any]) -> None:
        """Whatever a document holds, it becomes settings or a ConfigError (never another error)."""
        with contextlib.suppress(ConfigError):
            settings_of(raw, Path("/nowhere"), {})

    @given(st.data())
    @settings(max_examples=300, deadline=None)
    def test_spoiled_documents(self, data: st.DataObject) -> None:
        """The good document with a few values replaced: settings, or errors that each have a text."""
        raw = good()
        raw["node"]["patience"] = {"grace": 1.0}
        raw["smpp"]["link"][0].update(profile={"ucs2": "be"}, timers={"response": 1.0})
        values = st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
            st.just({}), st.just([]), st.lists(st.text(max_size=3), max_size=2),
            st.sampled_from(["sip.example", "xmpp.sip.example", "sms", "direct", "*", "tcp:[::]:1"]),
        )  # fmt: skip
        for _ in range(data.draw(st.integers(1, 4))):
            at: Any = raw
            while True:
                keys = sorted(at) if isinstance(at, dict) else range(len(at))
                if not keys:
                    break
                key = data.draw(st.sampled_from(keys))
                if isinstance(at[key], dict | list) and data.draw(st.integers(0, 4)):
                    at = at[key]
                    continue
                at[key] = data.draw(values)
                break
        try:
            settings_of(raw, Path("/nowhere"), {})
        except ConfigError as error:
            self.assertTrue(error.problems)
            for problem in error.problems:
                self.assertTrue(problem.message)

    @given(st.text(max_size=40))
    @settings(max_examples=200, deadline=None)
    def test_arbitrary_names(self, text: str) -> None:
        """Whatever text stands for a name or an address, it is taken or refused with its key."""
        for path in (
            "node.name", "xmpp.component[0].connect", "sip.listen[0]", "sip.trunk[0].next_hop",
            "sip.trunk[0].domains[0]", "sip.trunk[0].allowed_sources[0]", "sip.host",
        ):  # fmt: skip
            raw = good()
            raw["sip"]["trunk"][0]["allowed_sources"] = ["192.0.2.1"]
            raw["xmpp"]["component"][0]["serves"] = ["*"]
            put(raw, path, text)
            try:
                read(raw)
            except ConfigError as error:
                # An address that means "everywhere" is a good one, but then sip.host has to be there.
                told = {path, "sip.host"} if path == "sip.listen[0]" else {path}
                self.assertLessEqual({problem.path for problem in error.problems}, told)
