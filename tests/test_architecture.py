"""The rules of docs/architecture.md, held by a walk over the syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "iwf"

#: Lines of a file: what fits into one reading.
LONGEST_FILE = 400

ENTRIES = ("iwf.tap", "iwf.cli")

EDGES = ("xmpp", "sip", "smpp")

#: Files of the edges that do IO; all others are pure.
SHELLS = {"xmpp": {"client.accounts", "client.connection", "client.correspondence", "client.dialing",
                   "client.login", "client.session", "client.stream", "commands.clerk", "commands.counters",
                   "commands.office", "commands.registry",
                   "component", "entries", "handler", "offers", "presence.attendant", "stream", "typist",
                   "wokkel_door"},
          "sip": {"auth.accounts", "client", "edge", "keeper", "sender",
                  "presence.agent", "presence.requests", "registration.endpoints", "registration.registering",
                  "transport.answers", "transport.connections", "transport.locator", "transport.pinger",
                  "transport.secure", "transport.sockets", "transport.streams", "transport.webstream"},
          "smpp": {"esme", "links.client", "links.connection", "links.connector", "links.inquirer",
                   "links.outbind", "links.outlet",
                   "simulator.__main__", "simulator.control", "simulator.smsc"}}

#: What makes a decision depend on anything but its arguments.
IMPURE = {"time", "random", "secrets", "socket", "sqlite3", "threading", "asyncio", "os", "io",
          "subprocess", "twisted", "wokkel", "OpenSSL", "smpp"}


def modules() -> Iterator[tuple[str, Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield name, path, ast.parse(path.read_text("utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    """Every imported name, ``from x import y`` as ``x.y``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


class ArchitectureTests(SynchronousTestCase):
    """Who may import whom, and how large a room may be."""

    def offenders(self, which: object) -> list[str]:
        assert callable(which)
        return [f"{name}: {imported}" for name, _, tree in modules() for imported in imports(tree)
                if which(name, imported)]

    def test_core_is_pure(self) -> None:
        """The core imports no time, chance, IO or framework, and nothing else of iwf."""
        self.assertEqual([], self.offenders(
            lambda name, imported: within(name, "iwf.mapping") and (
                imported.partition(".")[0] in IMPURE
                or within(imported, "iwf") and not within(imported, "iwf.mapping"))))

    def test_edges_know_no_other_edge(self) -> None:
        """An edge imports itself, the neutral model and the small shared things, nothing more."""
        allowed = ("iwf.mapping.model", "iwf.mapping.cpim", "iwf.mapping.imdn", "iwf.mapping.composing",
                   "iwf.mapping.xhtml",
                   "iwf.mapping.charset", "iwf.mapping.pidf",
                   "iwf.edge", "iwf.ids", "iwf.errors", "iwf.records",
                   "iwf.__version__", "iwf.tls")
        for edge in EDGES:
            self.assertEqual([], self.offenders(
                lambda name, imported, edge=edge: within(name, f"iwf.{edge}") and within(imported, "iwf")
                and not within(imported, f"iwf.{edge}", *allowed)))

    def test_engine_knows_no_edge(self) -> None:
        """The engine serves any edge and knows none."""
        self.assertEqual([], self.offenders(
            lambda name, imported: within(name, "iwf.engine")
            and within(imported, *(f"iwf.{edge}" for edge in EDGES), "iwf.config")))

    def test_edges_are_pure_but_for_their_shells(self) -> None:
        """Syntax, machines and translation do no IO."""
        shells = {f"iwf.{edge}.{shell}" for edge, names in SHELLS.items() for shell in names}
        self.assertEqual([], self.offenders(
            lambda name, imported: within(name, *(f"iwf.{edge}" for edge in EDGES))
            and name not in shells
            and within(imported, "twisted.internet", "socket", "time", "random", "secrets")))

    def test_one_global_reactor(self) -> None:
        """Only the entry takes the global reactor."""
        self.assertEqual([], self.offenders(
            lambda name, imported: name != "iwf.tap" and imported == "twisted.internet.reactor"))

    def test_wokkel_behind_one_door(self) -> None:
        """wokkel is imported in one module."""
        self.assertEqual([], self.offenders(
            lambda name, imported: name != "iwf.xmpp.wokkel_door" and within(imported, "wokkel")))

    def test_no_wall_clock(self) -> None:
        """Nobody reads the clock by himself, but for the entries; time is an argument or the
        reactor's."""
        found = []
        for name, _, tree in modules():
            if name in ENTRIES:
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and (
                        node.attr in ("utcnow", "today")
                        or node.attr in ("time", "monotonic") and isinstance(node.value, ast.Name)
                        and node.value.id == "time"
                        or node.attr == "now" and isinstance(node.value, ast.Name)
                        and node.value.id in ("datetime", "date")):
                    found.append(f"{name}:{node.lineno}")
        self.assertEqual([], found)

    def test_file_length(self) -> None:
        """A file is one reading long."""
        self.assertEqual([], [f"{name}: {lines}" for name, path, _ in modules()
                              if (lines := len(path.read_text("utf-8").splitlines())) > LONGEST_FILE])

    def test_every_module_says_what_it_is(self) -> None:
        """Every module and every public class and function has a docstring."""
        missing = []
        for name, _, tree in modules():
            if ast.get_docstring(tree) is None:
                missing.append(name)
            for node in tree.body:
                if (isinstance(node, ast.ClassDef | ast.FunctionDef)
                        and not node.name.startswith("_") and ast.get_docstring(node) is None):
                    missing.append(f"{name}.{node.name}")
        self.assertEqual([], missing)

    def test_packages_are_listed(self) -> None:
        """What is in the tree is in the wheel: setup.cfg lists every package by hand."""
        listed = (ROOT / "setup.cfg").read_text("utf-8")
        packages = {".".join(path.parent.relative_to(ROOT).parts)
                    for path in PACKAGE.rglob("__init__.py")}
        self.assertEqual(set(), {package for package in packages
                                 if f"    {package}\n" not in listed})
