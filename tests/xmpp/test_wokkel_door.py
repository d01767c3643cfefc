"""wokkel on today's Twisted (docs/decisions/0001)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import iwf

ROOT = Path(iwf.__file__).parent


class DoorTests(SynchronousTestCase):
    def test_silent_import(self) -> None:
        """The edge imports without a warning, and leaves the choice of a reactor to others."""
        script = "import sys, iwf.xmpp.component; print('twisted.internet.reactor' in sys.modules)"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            cwd=ROOT.parent, capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.assertEqual((done.stdout, done.stderr), ("False\n", ""))

    def test_one_door(self) -> None:
        """No module but the door imports wokkel."""
        importers = [
            path.name for path in ROOT.rglob("*.py")
            if "import wokkel" in path.read_text() or "from wokkel" in path.read_text()
        ]  # fmt: skip
        self.assertEqual(importers, ["wokkel_door.py"])
