"""What is a command, in which language, and what is answered to all else."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.charset import gsm
from iwf.mapping.model import Message, Taken
from iwf.mapping.service.catalogue import ENGLISH, Catalogue, Word, faults_of, places_of
from iwf.mapping.service.commands import addressed, command_of, is_start, is_stop, without_prefix
from iwf.mapping.service.settings import Service
from tests.mapping.service.case import LANGUAGES, PhoneCase, from_phone, with_service
from tests.support.sample import GATEWAY, LINK, PHONE

SERVICE = Service(catalogues=LANGUAGES)

#: Values as long as they usually are.
NAME = "romeo@montague.example"
VALUES = {"name": NAME, "status": "at home until the evening", "entries": f"{NAME} (x), {NAME} (x)",
          "state": "x" * 12, "languages": "EN, DE, ES, FR", "address": NAME, "text": "x" * 40}


class CommandTests(SynchronousTestCase):
    """SMSP-1."""

    def word(self, text: str) -> Word | None:
        command = command_of(text, SERVICE)
        return None if command is None else command.word

    def test_first_word(self) -> None:
        """The first word counts, in any case, also with the stop that phones put behind words."""
        for text in ("login", "LOGIN", "Login Carol", " login\n", "LOGIN.", "login!", "login, please"):
            self.assertEqual(self.word(text), Word.LOGIN, text)
        for text in ("", "   ", "hello", "log in", "loginx", "\0", "\u00df"):
            self.assertIsNone(self.word(text), text)

    def test_every_language(self) -> None:
        """The words of all languages are understood, whatever language is spoken."""
        for text, word in (("ANMELDEN", Word.LOGIN), ("Ja", Word.YES), ("OUI", Word.YES), ("Sí", Word.YES),
                           ("déconnexion", Word.LOGOUT), ("DÉCONNEXION", Word.LOGOUT), ("wer x", Word.WHO),
                           ("À ana@sip.example bonjour", Word.TO), ("IDIOMA es", Word.LANGUAGE)):
            self.assertEqual(self.word(text), word, text)

    def test_stop_words(self) -> None:
        """Carriers' words opt out at the service number, and alone at any number (SMSP-1)."""
        service = evolve(SERVICE, stop_words=frozenset({"stop", "quit"}))
        command = command_of("QUIT", service)
        assert command is not None
        self.assertEqual(command.word, Word.STOP)
        self.assertEqual([is_stop(text, service) for text in ("Stop", " STOP. ", "quit!", "stop it", "", "stopp")],
                         [True, True, True, False, False, False])
        self.assertEqual([is_start(text, service) for text in ("START", "start now", "go")], [True, False, False])

    def test_addressed(self) -> None:
        """TO has an address and a text, in which all space stays."""
        self.assertEqual(addressed("a@b  two  words\nand a line"), ("a@b", "two  words\nand a line"))
        self.assertIsNone(addressed("a@b"))
        self.assertIsNone(addressed("a@b  "))

    def test_receipt_prefix(self) -> None:
        """The beginning by which a phone asks for a receipt, in any case."""
        self.assertEqual(without_prefix("*r# hello", SERVICE), "hello")
        self.assertEqual(without_prefix("*R#TO a@b x", SERVICE), "TO a@b x")
        self.assertIsNone(without_prefix("hello *R#", SERVICE))
        self.assertIsNone(without_prefix("*R# hello", evolve(SERVICE, receipt_prefix="")))

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=60), st.sampled_from(sorted(SERVICE.vocabulary)), st.sampled_from(" \n\t\u00a0"))
    def test_round_trip(self, rest: str, spelling: str, space: str) -> None:
        """Whatever stands behind a command is kept, but for the space around it."""
        command = command_of(f"{space}{spelling.upper()}{space}{rest}", SERVICE)
        assert command is not None
        self.assertIs(command.word, SERVICE.vocabulary[spelling.upper().casefold()])
        self.assertEqual(command.rest, rest.strip())

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=80))
    def test_any_text(self, text: str) -> None:
        """No text breaks the reading of commands."""
        command = command_of(text, SERVICE)
        self.assertEqual(command is None, not text.split()
                         or text.split()[0].rstrip(".!,:").casefold() not in {*SERVICE.vocabulary, *SERVICE.stop_words})


class AnyTextTests(PhoneCase):
    """Texts to the service number, whatever they are."""

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from([*sorted(SERVICE.vocabulary), "", "hello", "*R#"]),
                              st.sampled_from(["", "ben@xmpp.example", "sip:ana@sip.example", "+4917", "x@y", "de",
                                               "@", "ben@xmpp.example {0} {name}", "\u0301\u0000"])), max_size=6))
    def test_answers(self, texts: list[tuple[str, str]]) -> None:
        """Every text is taken, and answered with one text at the most, beside a question."""
        self.setUp()
        for word, rest in texts:
            told = self.told(from_phone("4455", f"{word} {rest}"))
            self.assertIsInstance(self.turn.verdict, Taken)
            self.assertLessEqual(len([number for number, _ in told if number == "4455"]), 2)


class HelpTests(PhoneCase):
    """HELP and languages."""

    def test_unknown(self) -> None:
        """What is no command is answered by HELP, once an hour (SMSP-1)."""
        self.assertTrue(self.command("hello").startswith("LOGIN, LOGOUT"))
        self.assertEqual(self.told(from_phone("4455", "hello?")), [])
        self.desk.now += 3600
        self.assertTrue(self.command("hello?").startswith("LOGIN"))

    def test_help(self) -> None:
        """Who asks for help gets it each time."""
        for _ in range(2):
            self.assertTrue(self.command("HELP").startswith("LOGIN"))

    def test_language(self) -> None:
        """LANGUAGE changes what is answered, for good."""
        self.assertEqual(self.command("LANGUAGE DE"), "Sie bekommen Antworten auf Deutsch.")
        self.assertTrue(self.command("HILFE").startswith("ANMELDEN"))
        self.assertEqual(self.command("SPRACHE xx"), "Sprachen: EN, DE, ES, FR")
        self.assertEqual(self.command("LANGUAGE"), "Sprachen: EN, DE, ES, FR")

    def test_language_of_the_link(self) -> None:
        """Phones that have chosen nothing are spoken to in the language of their link."""
        for tag in ("fr", "fr-ca"):
            self.begin(with_service(evolve(GATEWAY, links=(evolve(GATEWAY.links[0], language=tag),))))
            self.assertEqual(self.command("LOGOUT"), "Vous avez quitté le service.")

    def test_status_of_nobody(self) -> None:
        """A status may be set before the first session, and is no presence by itself (SMSP-7)."""
        self.assertEqual(self.command("STATUS here"), "Your status: here")

    def test_items(self) -> None:
        """An answer is a text like any other, which is not worth much after half an hour."""
        (item,) = self.said(from_phone("4455", "HELP")).sends
        assert isinstance(item.payload, Message)
        self.assertEqual((item.lane, item.payload.target, item.expires_at), (LINK, PHONE, self.desk.now + 1800))


class CatalogueTests(SynchronousTestCase):
    """The languages that come with iwf."""

    def test_complete(self) -> None:
        """Every language has all texts with all places, and a word for each command."""
        self.assertEqual([catalogue.language for catalogue in LANGUAGES], ["en", "de", "es", "fr"])
        for catalogue in LANGUAGES:
            self.assertEqual(faults_of(catalogue), [], catalogue.language)

    def test_one_meaning(self) -> None:
        """No word is two commands, whatever the language."""
        meanings: dict[str, set[Word]] = {}
        for catalogue in LANGUAGES:
            for word, spellings in catalogue.words.items():
                for spelling in spellings:
                    meanings.setdefault(spelling, set()).add(word)
        self.assertEqual({spelling: words for spelling, words in meanings.items() if len(words) > 1}, {})

    def test_one_text(self) -> None:
        """Each text fits into one short message in the default alphabet (SMS-30)."""
        for catalogue in LANGUAGES:
            for name, template in catalogue.texts.items():
                text = template.format_map(VALUES)
                self.assertTrue(gsm.fits(text), (catalogue.language, text))
                self.assertLessEqual(gsm.septets(text), 160, (catalogue.language, name))

    def test_taught_words(self) -> None:
        """HELP and the other texts teach words that are understood."""
        for catalogue in LANGUAGES:
            service = Service(catalogues=LANGUAGES)
            taught = [word for text in catalogue.texts.values() for word in text.replace(",", " ").split()
                      if word.isupper() and len(word) > 2 and word.isalpha()]
            unknown = [word for word in taught if word.casefold() not in service.vocabulary]
            self.assertEqual(unknown, [], catalogue.language)

    def test_faults(self) -> None:
        """What is missing, unknown or has other places is found."""
        texts = {**ENGLISH.texts, "help": "{secret}", "came-online": "{name.user}", "list": "{entries!r}",
                 "state": "{name", "new": "x"}
        del texts["logged-in"]
        words = {**ENGLISH.words, Word.ADD: (), Word.DEL: ("two words",), Word.LIST: ("List",)}
        self.assertEqual(sorted(faults_of(Catalogue("xx", texts, words))), [
            "add has no word", "came-online must have {name}", "del: 'two words' is not one word",
            "help must have no places", "list must have {entries}", "list: 'List' is not one word",
            "logged-in is missing", "new is not a known text", "state must have {name}, {state}"])

    def test_places(self) -> None:
        """Only plain names are places: no look into what is filled in."""
        self.assertEqual(places_of("{a} {b}{a}"), {"a", "b"})
        for text in ("{", "{a!r}", "{a:>9}"):
            self.assertIsNone(places_of(text), text)
