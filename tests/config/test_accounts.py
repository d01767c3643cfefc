"""The keys of SIP accounts, registrations and the registrar (SIP-60, SIP-62, SIP-80, SIP-81)."""

from __future__ import annotations

from typing import Any

from iwf.config import report
from iwf.sip.auth.digest import algorithm_of
from iwf.sip.settings import Account, Hop, Identity
from tests.support.configs import ConfigCase, Raw, good, put, read, second

HOME = {"domain": "home.example", "accounts": [{"user": "ana", "password": "pw"}]}


def trunk(raw: Raw, **keys: Any) -> None:
    raw["sip"]["trunk"][0].update(keys)


def home(raw: Raw, **keys: Any) -> None:
    raw["sip"]["registrar"] = {**HOME, **keys}


def hash_of(name: str) -> str:
    algorithm = algorithm_of(name)
    assert algorithm is not None
    return algorithm.secret("ana", "home.example", "pw")


class TrunkTests(ConfigCase):
    """An account at a trunk."""

    def test_settings(self) -> None:
        """Account, realm and registrar get to the edge, and the password from wherever it is."""
        raw = good()
        trunk(raw, username="iwf", password_env="PW", realm="r", digest=True, registrar="tcp:192.0.2.5",
              algorithms=["sha-256"])
        table = read(raw, {"PW": "s3cret, and längér than eight"}).sip.trunks[0]
        self.assertEqual((table.username, table.password, table.realm, table.digest, table.registrar, table.algorithms),
                         ("iwf", "s3cret, and längér than eight", "r", True, Hop("tcp", "192.0.2.5", 5060),
                          ("SHA-256",)))

    def test_without(self) -> None:
        """A trunk needs no account."""
        table = read(good()).sip.trunks[0]
        self.assertEqual((table.username, table.password, table.register, table.digest), ("", "", (), False))

    def test_identities(self) -> None:
        """Identities stand for the image with the same user part: numbers among phones, others in XMPP (SIP-80)."""
        raw = good()
        trunk(raw, register=["sip:romeo*xmpp.example@p.example", "sip:a%20b@p.example:5070", "sip:+4930@p.example"])
        self.assertEqual(read(raw).sip.trunks[0].register, (
            Identity("sip:romeo*xmpp.example@p.example", "romeo*xmpp.example", "xmpp.sip.example"),
            Identity("sip:a%20b@p.example:5070", "a b", "xmpp.sip.example"),
            Identity("sip:+4930@p.example", "+4930", "sms.sip.example")))

    def test_tenant(self) -> None:
        """An identity's image is in the tenant of its trunk."""
        raw = good()
        second(raw, "xmpp.component", domain="sip.b.example", tenant="b")
        second(raw, "sip.alias", domain="xmpp.b.example", tenant="b")
        second(raw, "sip.trunk", domains=["b.example"], tenant="b", register=["sip:u@b.example"])
        self.assertEqual(read(raw).sip.trunks[1].register[0].domain, "xmpp.b.example")

    def test_problems(self) -> None:
        """What does not fit together is told by its key."""
        at = "sip.trunk[0]"
        for keys, problem in (
            ({"username": "iwf"}, f"{at}.password: is required: give one of password, password_file, password_env"),
            ({"password": "pw"}, f"{at}.username: is required with a password"),
            ({"digest": True}, f"{at}.digest: needs a username and a password"),
            ({"username": "a\nb", "password": "x"}, f'{at}.username: must be free of control characters (got "a\\nb")'),
            ({"register": ["sip:u@h", "sip:u@h"]}, f"{at}.register[1]: is the same as {at}.register[0]"),
            ({"algorithms": ["MD5-sess"]}, f'{at}.algorithms[0]: must be one of "SHA-512-256", "SHA-256", "MD5" '
                                           '(got "MD5-sess")'),
            ({"regsiter": []}, f'{at}.regsiter: is not a known key (did you mean "register"?)'),
        ):
            self.assert_problem(lambda raw, keys=keys: trunk(raw, **keys), problem)  # type: ignore[misc]
        for bad in ("sip:h", "sips:u@h", "u@h", "sip:u:p@h", "sip:u@h;x=y", "sip:u@h?a=b", "tel:+1", "sip:%ff@h"):
            self.assert_problem(lambda raw, bad=bad: trunk(raw, register=[bad]),  # type: ignore[misc]
                                f'{at}.register[0]: must be a SIP address such as "sip:user@example.net" (got "{bad}")')

    def test_anybody(self) -> None:
        """A trunk that may be anywhere is warned about, unless it proves itself (SIP-63)."""
        raw = good()
        trunk(raw, allowed_sources=["0.0.0.0/0"])
        self.assertEqual(len(read(raw).warnings), 1)
        trunk(raw, digest=True, username="u", password="p")
        self.assertEqual(read(raw).warnings, ())

    def test_readable_by_all(self) -> None:
        """A file with a password of either kind that everybody can read gets a warning."""
        raw = ('[sip]\nlisten = ["udp:127.0.0.1"]\n[[sip.trunk]]\n{}\n[sip.registrar]\ndomain = "h"\n'
               '[[sip.registrar.accounts]]\nuser = "u"\n{}\n')
        for words in (('username = "u"\npassword = "p"', ""), ("", 'password = "p"'), ("", 'ha1 = { MD5 = "00" }')):
            found = report(self.file('[node]\nname = "n"\nstate_directory = "s"\n' + raw.format(*words), 0o644), {})
            self.assertIn("the file holds secrets", " ".join(str(warning) for warning in found.warnings), words)


class RegistrarTests(ConfigCase):
    """``[sip.registrar]``"""

    def test_settings(self) -> None:
        """Accounts get to the edge, and the core sees the domain as that of a trunk."""
        raw = good()
        hashes = {"SHA-256": hash_of("SHA-256"), "MD5": hash_of("MD5")}
        home(raw, accounts=[{"user": "ana", "password": "pw"}, {"user": "ben", "ha1": hashes}], max_contacts=2)
        settings = read(raw)
        registrar = settings.sip.registrar
        assert registrar is not None
        self.assertEqual(registrar.accounts, (Account("ana", "pw"), Account("ben", "", tuple(hashes.items()))))
        self.assertEqual((registrar.domain, registrar.lane, registrar.max_contacts),
                         ("home.example", "sip:registrar", 2))
        self.assertEqual([(each.lane, each.domains) for each in settings.gateway.trunks],
                         [("sip:sip.example", ("sip.example",)), ("sip:registrar", ("home.example",))])
        self.assertEqual(settings.gateway.aliases[0].serves, ("sip.example", "home.example"))

    def test_alone(self) -> None:
        """A registrar serves without any trunk."""
        raw = good()
        del raw["sip"]["trunk"]
        home(raw)
        self.assertEqual(read(raw).gateway.aliases[0].serves, ("home.example",))

    def test_off(self) -> None:
        """Without the table there is no registrar (SIP-81)."""
        self.assertIsNone(read(good()).sip.registrar)

    def test_problems(self) -> None:
        """What does not fit together is told by its key."""
        at = "sip.registrar"
        two = [{"user": "ana", "password": "pw"}, {"user": "Ana", "password": "pw"}]
        apart = [{"user": "ana", "ha1": {"MD5": hash_of("MD5")}}, {"user": "b", "ha1": {"SHA-256": hash_of("SHA-256")}}]
        none = f"{at}.accounts: have no algorithm in common: give all a hash of the same kind"
        for keys, problem in (
            ({"domain": "sip.example"}, f"{at}.domain: sip.example is reached by sip.trunk[0] already"),
            ({"domain": "xmpp.sip.example"},
             f"{at}.domain: xmpp.sip.example is a domain of the gateway itself, at sip.alias[0].domain"),
            ({"accounts": []}, f"{at}.accounts: must not be empty"),
            ({"accounts": two}, f"{at}.accounts[1].user: is the same as {at}.accounts[0].user"),
            ({"accounts": apart}, none),
            ({"accounts": apart[:1], "algorithms": ["SHA-256"]}, none),
            ({"accounts": [{"user": "a b", "password": "pw"}]},
             f'{at}.accounts[0].user: must be a user name without blanks, quotes, ":" and "@" (got "a b")'),
            ({"min_expires": 600, "max_expires": 300}, f"{at}.min_expires: must not be longer than max_expires (300)"),
        ):
            self.assert_problem(lambda raw, keys=keys: home(raw, **keys), problem)  # type: ignore[misc]

    def test_secrets(self) -> None:
        """An account has exactly one password, or hashes; problems show none of them."""
        at = "sip.registrar.accounts[0]"
        required = f"{at}.password: is required: give one of password, password_file, password_env"
        for keys, problems in (
            ({}, [required]),
            ({"password": "p", "password_env": "X"},
             [f"{at}.password_env: give only one of password, password_file, password_env"]),
            ({"ha1": {"MD5": "secret"}}, [f"{at}.ha1: must have a hash in hex for MD5"]),
            ({"ha1": {"CRC": "00"}},
             [f'{at}.ha1: has a key that must be one of "SHA-512-256", "SHA-256", "MD5"']),
            ({"ha1": {"MD5": 5}}, [f"{at}.ha1.MD5: must be a text"]),
        ):
            raw = good()
            home(raw, accounts=[{"user": "ana", **keys}])
            found = [line for line in self.problems(raw) if "algorithm in common" not in line]
            self.assertEqual(found, problems)

    def test_name(self) -> None:
        """No trunk may have the registrar's name, as both would have one queue."""
        raw = good()
        home(raw)
        put(raw, "sip.trunk[0].name", "registrar")
        self.assertEqual(self.problems(raw), ["sip.trunk[0].name: must not be registrar, as there is a registrar"])
