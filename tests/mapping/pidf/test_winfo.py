"""Lists of watchers (RFC 3858)."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.pidf.winfo import build_watchers

#: RFC 3858 5 in the form that we write.
EXAMPLE = """\
<?xml version="1.0" encoding="UTF-8"?>
<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="0" state="full">\
<watcher-list resource="sip:professor@example.net" package="presence">\
<watcher id="sip:userA@example.net" status="active" event="approved">sip:userA@example.net</watcher>\
<watcher id="sip:userB@example.org" status="pending" event="subscribe">sip:userB@example.org</watcher>\
</watcher-list></watcherinfo>"""


class WatchersTests(SynchronousTestCase):
    """What is written."""

    def test_example(self) -> None:
        """Each watcher with his state, and what has brought him there."""
        written = build_watchers(
            "sip:professor@example.net", (("sip:userA@example.net", True), ("sip:userB@example.org", False)), 0)
        self.assertEqual(EXAMPLE, written.decode())

    def test_nobody(self) -> None:
        """A list with nobody on it says just that."""
        root = ElementTree.fromstring(build_watchers("sip:a@b.example", (), 7))
        self.assertEqual(("7", []), (root.get("version"), list(root[0])))

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])), st.booleans())))
    def test_any_address(self, watchers: list[tuple[str, bool]]) -> None:
        """Whatever an address is made of, it is read as it was written."""
        root = ElementTree.fromstring(build_watchers("sip:a&<\"'>@b.example", watchers, 1))
        self.assertEqual([(one.text or "", one.get("status") == "active") for one in root[0]],
                         [(uri.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd"), granted)
                          for uri, granted in watchers])
