"""The service for phones in the configuration: what reaches the core, and what is refused."""

from __future__ import annotations

from pathlib import Path

from iwf.config.catalogues import CatalogueError, catalogues
from iwf.mapping.service.catalogue import Word
from iwf.mapping.service.settings import NumberRoute
from tests.support.configs import ConfigCase, Raw, good, put, read


def with_link(**changes: object) -> Raw:
    raw = good()
    raw["smpp"]["link"][0].update(service_number="70001", **changes)
    return raw


class SettingsTests(ConfigCase):
    """From the tables to the core."""

    def test_service(self) -> None:
        """Everything said of the service reaches the core (SMSP-1..7)."""
        raw = good()
        raw["smpp"]["service"] = {
            "session_idle": 60, "yes_window": 70, "notice_gap": 80, "presence_budget": 3,
            "quiet_hours": "22:00-07:30", "unregistered": "grant", "presence_from_dlr": True,
            "stop_words": ["STOP", "Fin"], "receipt_prefix": "#R",
        }  # fmt: skip
        service = read(raw).gateway.service
        self.assertEqual((service.session_idle, service.yes_window, service.notice_gap), (60, 70, 80))
        self.assertEqual((service.presence_budget, service.quiet, service.unregistered),
                         (3, (22 * 60, 7 * 60 + 30), "grant"))
        self.assertEqual((service.presence_from_receipts, service.stop_words, service.receipt_prefix),
                         (True, {"stop", "fin"}, "#r"))

    def test_default(self) -> None:
        """Without a table there are four languages and no limits."""
        gateway = read(good()).gateway
        self.assertEqual(gateway.service.languages, ("en", "de", "es", "fr"))
        self.assertIsNone(gateway.service.quiet)
        self.assertEqual((gateway.guards.blocked, gateway.guards.sender_limit), ((), 0))

    def test_guards(self) -> None:
        """Limits reach the core (SMS-73)."""
        raw = good()
        raw["smpp"]["guards"] = {"blocked_prefixes": ["+49900", "118"], "countries": ["+49"], "sender_limit": 5,
                                 "phone_limit": 6}
        guards = read(raw).gateway.guards
        self.assertEqual((guards.blocked, guards.countries), (("+49900", "118"), ("+49",)))
        self.assertEqual((guards.sender_limit, guards.phone_limit), (5, 6))

    def test_link(self) -> None:
        """A link has a language, a zone, a validity of chat and routes (SMS-60)."""
        raw = with_link(language="de-at", time_zone="Europe/Vienna", chat_validity=60, routes=[
            {"number": "+4930111", "to": "xmpp:Help@XMPP.example"},
            {"number": "70700", "to": "ana@sip.example", "keyword": "Weather"},
            {"number": "70700", "to": "+491701234567"}])
        (link,) = read(raw).gateway.links
        self.assertEqual((link.language, str(link.time_zone), link.chat_validity), ("de-at", "Europe/Vienna", 60))
        self.assertEqual(link.routes, (
            NumberRoute("+4930111", "xmpp:help@xmpp.example"),
            NumberRoute("70700", "sip:ana@sip.example", "weather"),
            NumberRoute("70700", "tel:+491701234567@")))

    def test_faults(self) -> None:
        """Each fault is told where it is."""
        number, to = "+4930111", "xmpp:help@xmpp.example"
        for raw, told in (
            (with_link(routes=[{"number": number, "to": "help@far.example"}]),
             'smpp.link[0].routes[0].to: names nobody whom the tenant serves (got "help@far.example")'),
            (with_link(routes=[{"number": "70001", "to": to}]),
             "smpp.link[0].routes[0].number: must not be the service_number"),
            (with_link(routes=[{"number": number, "to": to}], number_pool=[number]),
             "smpp.link[0].routes[0].number: must not be one of the number_pool"),
            (with_link(routes=[{"number": number, "to": to}] * 2),
             "smpp.link[0].routes[1]: has the number and the keyword of another route"),
            (with_link(language="xx"),
             "smpp.link[0].language: must be one of en, de, es, fr, or have a catalogue"),
            (with_link(time_zone="Mars/Base"),
             'smpp.link[0].time_zone: must be a time zone such as "Europe/Berlin" (got "Mars/Base")'),
        ):  # fmt: skip
            self.assertEqual(self.problems(raw), [told])

    def test_values(self) -> None:
        """Values that make no sense are refused."""
        for path, value, told in (
            ("smpp.service.quiet_hours", "22-7", 'must be such as "22:00-07:30"'),
            ("smpp.service.quiet_hours", "24:00-07:30", 'must be such as "22:00-07:30"'),
            ("smpp.service.stop_words", ["two words"], "must be one word"),
            ("smpp.service.presence_budget", -1, "must be at least 0"),
            ("smpp.guards.countries", ["+"], 'must be such as "+49"'),
            ("smpp.guards.blocked_prefixes", ["premium"], 'must be such as "+49900"'),
        ):
            raw = good()
            section, key = path.split(".")[1:]
            put(raw, "smpp", {**raw["smpp"], section: {key: value}})
            (problem,) = self.problems(raw)
            self.assertTrue(problem.startswith(path), problem)
            self.assertIn(told, problem)


class CatalogueTests(ConfigCase):
    """What an operator writes himself."""

    def folder(self, **files: str) -> Path:
        path = Path(self.mktemp())
        path.mkdir(parents=True)
        for name, text in files.items():
            (path / f"{name}.toml").write_text(text, "utf-8")
        return path

    def test_overlay(self) -> None:
        """A file changes single texts and words of a language, and leaves all others."""
        found = {one.language: one for one in catalogues(self.folder(
            de='[texts]\ncame-online = "{name} ist da"\n[words]\nlogin = ["hallo"]'))}
        self.assertEqual(found["de"].text("came-online", name="x"), "x ist da")
        self.assertEqual(found["de"].words[Word.LOGIN], ("hallo",))
        self.assertEqual(found["de"].text("offline"), "offline")
        self.assertEqual(found["en"].text("came-online", name="x"), "x is online")

    def test_new_language(self) -> None:
        """A new language has to be complete."""
        with self.assertRaises(CatalogueError) as caught:
            catalogues(self.folder(it='[texts]\nhelp = "AIUTO"'))
        self.assertIn("it.toml: came-online is missing", caught.exception.args)
        self.assertIn("it.toml: login has no word", caught.exception.args)

    def test_faults(self) -> None:
        """Whatever stands in a file, it is told, with the name of the file."""
        for text, told in (
            ("[texts", "xx.toml: is no TOML"),
            ("texts = 1", "xx.toml: texts.texts must be a text"),
            ("[other]", "xx.toml: other is not a known table"),
            ("[texts]\nhelp = 1", "xx.toml: texts.help must be a text"),
            ('[words]\nfly = ["x"]', "xx.toml: words.fly is not a known command"),
            ('[words]\nlogin = "x"', "xx.toml: words.login must be a list of words"),
        ):
            with self.assertRaises(CatalogueError) as caught:
                catalogues(self.folder(xx=text))
            self.assertTrue(any(fault.startswith(told) for fault in caught.exception.args), caught.exception.args)

    def test_in_the_file(self) -> None:
        """The folder is named in the configuration; its faults are problems of that key."""
        raw = good()
        folder = self.folder(de='[texts]\ncame-online = "{who} ist da"')
        raw["smpp"]["service"] = {"catalogues": str(folder.absolute())}
        self.assertEqual(self.problems(raw), ["smpp.service.catalogues: de.toml: came-online must have {name}"])
        raw["smpp"]["service"] = {"catalogues": "/nowhere"}
        (problem,) = self.problems(raw)
        self.assertTrue(problem.startswith("smpp.service.catalogues: /nowhere: "), problem)
        good_one = self.folder(xy="")
        raw["smpp"]["service"] = {"catalogues": str(good_one.absolute())}
        self.assertIn("xy.toml: help is missing", " ".join(self.problems(raw)))
