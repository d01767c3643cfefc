"""docs/standards.md against the code: nothing that is cited is missing there, nothing that is named there is gone."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.test_architecture import PACKAGE, ROOT

PAGE = ROOT / "docs" / "standards.md"

_cited = re.compile(
    r"RFC [0-9]{3,5}|XEP-[0-9]{4}|TS 23\.0[0-9]{2}|GSM 0[0-9]\.[0-9]{2}|SMPP [0-9]\.[0-9]|E\.164"
).findall
_path = re.compile(r"`([a-z_]+/[^`]+)`").findall


def rows() -> list[list[str]]:
    """The cells of each row: standard, state, remarks, code, tests."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [cells for cells in split if cells[0] not in ("Standard", "---")]


class StandardsTests(SynchronousTestCase):
    """The page of standards."""

    def test_cited(self) -> None:
        """Every standard that the code cites has a row that says yes or part."""
        found: dict[str, str] = {}
        for path in sorted(PACKAGE.rglob("*.py")):
            for name in _cited(path.read_text("utf-8")):
                found.setdefault(name, str(path.relative_to(ROOT)))
        listed = {name for cells in rows() if cells[1] != "no" for name in _cited(cells[0])}
        self.assertGreater(len(found), 50)
        self.assertEqual({name: path for name, path in found.items() if name not in listed}, {})

    def test_rows(self) -> None:
        """Every row has its five cells and a state; no standard has two rows."""
        self.assertGreater(len(rows()), 70)
        for cells in rows():
            self.assertEqual(len(cells), 5, cells)
            self.assertIn(cells[1], ("yes", "part", "no"), cells[0])
        names = [name for cells in rows() for name in _cited(cells[0].partition(", with ")[0])]
        self.assertEqual(sorted(names), sorted(set(names)))

    def test_files(self) -> None:
        """What is there in full or in part is in files that exist and is tested in files that exist."""
        for standard, state, remarks, code, tests in rows():
            if state == "no":
                self.assertEqual((code, tests), ("", ""), standard)
                continue
            for cell, folder in ((code, "iwf/"), (tests, "tests/")):
                self.assertNotEqual(_path(cell), [], standard)
                for name in _path(cell):
                    self.assertTrue(name.startswith(folder), (standard, name))
                    self.assertTrue((ROOT / name).is_file(), (standard, name))
            if state == "part":
                self.assertNotEqual(remarks, "", standard)
