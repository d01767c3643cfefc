"""The reference of the configuration says what is true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import attrs

from iwf.config import report, settings_of
from iwf.config.registrar import AccountTable, RegistrarTable
from iwf.config.smpp_tables import ProfileTable
from iwf.config.tables import (
    ENTRIES,
    FileTable,
    NodeTable,
    PatienceTable,
    SipTable,
    SmppTable,
    Table,
    XmppTable,
)
from iwf.mapping.settings import Patience
from iwf.smpp.settings import Profile
from tests.support.configs import ConfigCase

DOCS = Path(__file__).parent.parent.parent / "docs"


def documented() -> dict[str, dict[str, str]]:
    """Section -> key -> default, as the tables of docs/configuration.md have them."""
    found: dict[str, dict[str, str]] = {}
    section = ""
    for line in (DOCS / "configuration.md").read_text().splitlines():
        if heading := re.fullmatch(r"## `\[+([a-z_.]+)\]+`", line):
            section = heading[1]
        elif row := re.fullmatch(r"\| `([a-z0-9_]+)` \|(?:[^|]+)\| ([^|]+) \|.*", line):
            found.setdefault(section, {})[row[1]] = row[2].strip()
    return found


def tables() -> dict[str, type[Table]]:
    """Section -> model, nested tables included."""
    found: dict[str, type[Table]] = {
        "node": NodeTable, "xmpp": XmppTable, "sip": SipTable, "smpp": SmppTable, **ENTRIES,
        "sip.registrar": RegistrarTable, "sip.registrar.accounts": AccountTable,
    }  # fmt: skip
    for section, table in list(found.items()):
        found.update({f"{section}.{key}": inner for key, inner in table.nested.items()})
    return found


class DocumentationTests(ConfigCase):
    def test_every_key(self) -> None:
        """The reference has every key, and no key that does not exist."""
        self.assertEqual(
            {section: sorted(keys) for section, keys in documented().items()},
            {section: sorted(table.keys()) for section, table in tables().items()},
        )
        self.assertEqual(
            sorted(FileTable.model_fields), sorted(s for s in tables() if "." not in s)
        )

    def test_every_default(self) -> None:
        """The defaults in the reference are the defaults in use."""
        compared = 0
        for section, keys in documented().items():
            for key, default in keys.items():
                field = tables()[section].keys()[key]
                self.assertEqual(field.is_required(), default == "required", (section, key))
                if default.startswith("`") and not default.endswith("bridges`"):
                    value = tomllib.loads(f"x = {default.strip('`')}")["x"]
                    if value != {}:
                        compared += 1
                        self.assertEqual(field.default, value, (section, key))
        self.assertGreater(compared, 50)

    def test_example_file(self) -> None:
        """The commented example is valid as it stands."""
        found = report(DOCS / "examples" / "iwf.toml", {})
        self.assertEqual(found.errors, ())
        self.assertEqual([p.path for p in found.warnings if p.path], [])

    def test_example_in_reference(self) -> None:
        """The example of the reference loads without a warning, if the peers are near."""
        (text,) = re.findall(
            r"```toml\n(.*?)```", (DOCS / "configuration.md").read_text(), re.DOTALL
        )
        environ = {"IWF_SIP_SECRET": "a", "IWF_SMS_SECRET": "b", "IWF_OPERATOR_PASSWORD": "c"}
        found = settings_of(tomllib.loads(text), Path("/etc/iwf"), environ)
        self.assertEqual(found.warnings, ())
        self.assertEqual(found.sip.trunks[0].allowed_sources, ("192.0.2.10",))

    def test_models_follow_the_settings(self) -> None:
        """What the core and the edges can be told, a file can say (and with the same default)."""
        for table, wanted in ((PatienceTable, Patience()), (ProfileTable, Profile())):
            names = {field.name for field in attrs.fields(type(wanted))}
            self.assertEqual(set(table.model_fields), names)
            for name in names - {"name", "unknown_subscriber_errors"}:
                self.assertEqual(table.model_fields[name].default, getattr(wanted, name), name)
