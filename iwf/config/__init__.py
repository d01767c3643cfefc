"""The configuration: one TOML file in, frozen settings or the list of everything wrong with it out.

The file goes through four steps: :mod:`tomllib`, the types of every table (:mod:`~iwf.config.read`,
after the classes in :mod:`~iwf.config.tables`), the rules between tables (:mod:`~iwf.config.rules`),
and the settings that the core and the edges take (:mod:`~iwf.config.settings`).
"""

from iwf.config.settings import (
    NodeSettings,
    Report,
    Settings,
    check,
    load,
    node_secret,
    report,
    settings_of,
    with_secret,
)

__all__ = ["NodeSettings", "Report", "Settings", "check", "load", "node_secret", "report", "settings_of",
           "with_secret"]
