"""A phone hears of its contacts, sparingly; and asks for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from attrs import evolve

from iwf.mapping.model import (
    Device,
    Failure,
    Party,
    Reason,
    Rejected,
    Revisited,
    Show,
    Taken,
    WatchRefused,
    WatchRequested,
)
from tests.mapping.service.case import (
    BEN_GRANTS,
    PHONE_IN_M,
    B,
    PhoneCase,
    from_ben_to_phone,
    from_phone,
    of_ben,
    with_service,
)
from tests.support.sample import BEN, GATEWAY, LANE_M, LINK, PHONE

HOUR = 3600.0
PC, GONE = Device("pc"), Device("pc", open=False)
NOTICE = [("X000000001", "ben is online")]


class NoticeTests(PhoneCase):
    """SMSP-3, SMSP-4."""

    def add(self) -> None:
        """Ben lets the phone see him, and it is logged in."""
        self.commands("LOGIN", "ADD ben@xmpp.example")
        self.said(BEN_GRANTS)

    def setUp(self) -> None:
        super().setUp()
        self.add()

    def come(self, *devices: Device) -> list[tuple[str, str]]:
        return self.told(of_ben(*(devices or (PC,))))

    def test_online(self) -> None:
        """A contact that becomes available is told from his number, so that a reply reaches him (SMSP-3)."""
        self.assertEqual(self.come(), NOTICE)
        (item,) = self.said(from_phone("X000000001", "hello")).sends
        self.assertEqual((item.lane, item.payload.target), (LANE_M, BEN))

    def test_same_number(self) -> None:
        """It is the number from which he writes (ADDR-47)."""
        self.said(from_ben_to_phone())
        self.assertEqual(self.come(), NOTICE)

    def test_changes(self) -> None:
        """Going away, being busy, a second device and leaving are not told (SMSP-4)."""
        self.come()
        for device in (Device("pc", show=Show.AWAY), Device("pc", show=Show.BUSY), Device("pda"), PC, GONE):
            self.assertEqual(self.come(device), [], device)

    def test_comes_away(self) -> None:
        """Who comes as away or busy is not told either, nor when he is back at his desk (SMSP-4)."""
        self.assertEqual(self.come(Device("pc", show=Show.AWAY)), [])
        self.assertEqual(self.come(), [])

    def test_once_an_hour(self) -> None:
        """Once an hour for each contact (SMSP-4)."""
        self.assertEqual(self.come(), NOTICE)
        self.come(GONE)
        self.desk.now += HOUR - 1
        self.assertEqual(self.come(), [])
        self.come(GONE)
        self.desk.now += 1
        self.assertEqual(self.come(), NOTICE)

    def test_budget(self) -> None:
        """No more than the budget of a day (SMSP-4)."""
        self.begin(with_service(presence_budget=2))
        self.add()
        told = 0
        for _ in range(4):
            told += len(self.come())
            self.come(GONE)
            self.desk.now += HOUR
        self.assertEqual(told, 2)
        self.commands("LOGIN")
        self.desk.now += 21 * HOUR
        self.commands("LOGIN")
        self.assertEqual(self.come(), NOTICE)

    def test_quiet_hours(self) -> None:
        """Not at night where the phone is (SMSP-4)."""
        tokyo = timezone(timedelta(hours=9))
        link = evolve(GATEWAY.links[0], time_zone=tokyo)
        for quiet, hour, expected in (((22 * 60, 7 * 60), 23, []), ((22 * 60, 7 * 60), 6, []),
                                      ((22 * 60, 7 * 60), 7, NOTICE), ((22 * 60, 7 * 60), 21, NOTICE),
                                      ((8 * 60, 12 * 60), 9, []), ((8 * 60, 12 * 60), 12, NOTICE)):
            self.begin(with_service(evolve(GATEWAY, links=(link,)), quiet=quiet))
            self.desk.now = datetime(2026, 1, 1, hour, 0, tzinfo=tokyo).astimezone(UTC).timestamp()
            self.add()
            self.assertEqual(self.come(), expected, (quiet, hour))

    def test_logged_out(self) -> None:
        """Only while the phone is logged in; nobody is asked for it in between (SMSP-4)."""
        self.command("LOGOUT")
        self.assertEqual(self.kinds(), ["xmpp WatchEnded"])
        self.assertEqual(self.come(), [])
        self.commands("LOGIN")
        self.assertEqual(self.kinds(), ["xmpp WatchRenewed"])
        self.assertEqual(self.come(), NOTICE)

    def test_idle(self) -> None:
        """The end of the session ends the looking as well."""
        self.due(8 * HOUR)
        self.assertEqual(self.kinds(), ["xmpp WatchEnded"])

    def test_after_a_restart(self) -> None:
        """Who was told is not told again because we, or his server, have been away (PRES-30)."""
        self.come()
        self.desk.now += 2 * HOUR
        self.desk.restart()
        self.said(Revisited(PHONE.key, BEN.key, "default"))
        self.assertEqual(self.kinds(), ["xmpp WatchRenewed"])
        self.assertEqual(self.come(), [])
        self.come(GONE)
        self.assertEqual(self.come(), NOTICE)

    def test_over_its_own_link(self) -> None:
        """Over the link on which the phone writes to us, also where another one is cheaper, while it is there."""
        cheap = evolve(GATEWAY.links[0], lane="smpp:cheap", cost=0.1, service_number="5566")
        dear = evolve(GATEWAY.links[0], cost=0.2)
        self.begin(with_service(evolve(GATEWAY, links=(cheap, dear))))
        self.add()
        self.assertEqual(self.come(), NOTICE)
        self.come(GONE)
        self.desk.now += HOUR
        self.desk.switch(LINK, False)
        self.desk.now += 60
        self.come()
        self.assertEqual([item.lane for item in self.items()], ["smpp:cheap"])

    def test_opted_out(self) -> None:
        """Who has stopped texts from a contact does not hear that he is online (SMS-74)."""
        self.commands("STOP ben@xmpp.example")
        self.assertEqual(self.come(), [])

    def test_in_german(self) -> None:
        """In the language of the phone."""
        self.commands("LANGUAGE de")
        self.assertEqual(self.come(), [("X000000001", "ben ist online")])

    def test_refused(self) -> None:
        """A contact who takes it back is shown as hidden, without a text."""
        self.assertEqual(self.told(WatchRefused(B, PHONE_IN_M, Failure(Reason.FORBIDDEN), lane=LANE_M)), [])
        self.assertEqual(self.command("LIST"), "Your list: ben@xmpp.example (hidden from you)")

    def test_allowed_after_all(self) -> None:
        """Who refuses and then allows it is looked at by a phone that is logged in, without another ADD."""
        self.said(WatchRefused(B, PHONE_IN_M, Failure(Reason.FORBIDDEN), lane=LANE_M))
        self.said(BEN_GRANTS)
        self.assertEqual(self.kinds(), ["xmpp WatchRenewed"])
        self.assertEqual(self.come(), NOTICE)

    def test_question_that_cannot_be_put(self) -> None:
        """A contact whose server does not take the question is hidden, without a text."""
        self.begin(self.gateway)
        self.commands("LOGIN", "ADD ben@xmpp.example")
        (asked,) = [item for item in self.items() if isinstance(item.payload, WatchRequested)]
        self.assertEqual(self.told(Rejected(asked, Failure(Reason.UNKNOWN_RECIPIENT))), [])
        self.assertEqual(self.command("LIST"), "Your list: ben@xmpp.example (hidden from you)")


class ListTests(PhoneCase):
    """ADD, DEL, LIST, WHO."""

    def test_add(self) -> None:
        """ADD asks the contact, in the name of the phone's image (SMSP-1)."""
        self.assertEqual(self.command("ADD ben@xmpp.example"),
                         "ben@xmpp.example is asked whether you may see when he or she is online.")
        (asked,) = [item.payload for item in self.items() if isinstance(item.payload, WatchRequested)]
        self.assertEqual((asked.origin.address, asked.target), (PHONE_IN_M, BEN))
        self.assertEqual(self.command("LIST"), "Your list: ben@xmpp.example (not decided yet)")
        self.assertEqual(self.told(BEN_GRANTS), [])
        self.assertEqual(self.command("add BEN@xmpp.example"), "ben@xmpp.example is on your list.")

    def test_add_to_sip(self) -> None:
        """SIP users are asked as well."""
        self.command("ADD sip:ana@sip.example")
        self.assertEqual(self.kinds(), ["sip WatchRequested"])

    def test_del(self) -> None:
        """DEL gives the permission back."""
        self.commands("ADD ben@xmpp.example")
        self.assertEqual(self.command("DEL ben@xmpp.example"), "ben@xmpp.example is off your list.")
        self.assertEqual(self.kinds(), ["xmpp WatchEnded"])
        self.assertEqual(self.command("DEL ben@xmpp.example"), "ben@xmpp.example is not on your list.")
        self.assertEqual(self.command("LIST"), "Your list is empty. Send ADD address.")

    def test_nobody(self) -> None:
        """An address that leads nowhere is said to, and one that is missing is asked for."""
        for word in ("ADD", "DEL", "WHO", "TO"):
            self.assertEqual(self.command(f"{word} ben@far.example x"), "ben@far.example cannot be reached here.")
            self.assertTrue(self.command(word).startswith("LOGIN,"), word)

    def test_who(self) -> None:
        """WHO asks the contact's server where nothing is known, and the answer follows."""
        self.assertEqual(self.command("WHO ben@xmpp.example"), "ben@xmpp.example is not on your list.")
        self.commands("ADD ben@xmpp.example")
        self.assertEqual(self.command("WHO ben@xmpp.example"), "ben@xmpp.example is not decided yet")
        self.said(BEN_GRANTS)
        self.assertEqual(self.told(from_phone("4455", "WHO ben@xmpp.example")), [])
        self.assertEqual(self.kinds(), ["xmpp WatchFetched"])
        first = self.turn.sends[0].payload
        self.said(from_phone("4455", "WHO ben@xmpp.example"))
        self.assertNotEqual(first, self.turn.sends[0].payload)  # each question has a leg of its own
        self.assertEqual(set(self.told(of_ben(Device("pc", show=Show.BUSY)))), {("4455", "ben@xmpp.example is busy")})

    def test_who_is_known(self) -> None:
        """While it is logged in the phone is answered at once."""
        self.commands("LOGIN", "ADD ben@xmpp.example")
        self.said(BEN_GRANTS)
        self.said(of_ben(PC))
        self.assertEqual(self.command("WHO ben@xmpp.example"), "ben@xmpp.example is online")
        self.assertEqual(self.command("LIST"), "Your list: ben@xmpp.example (online)")
        self.said(of_ben(GONE))
        self.assertEqual(self.command("WHO ben@xmpp.example"), "ben@xmpp.example is offline")

    def test_long_list(self) -> None:
        """A list costs no more than three texts."""
        for number in range(40):
            self.commands(f"ADD contact{number}@xmpp.example")
        self.assertLess(len(self.command("LIST")), 459)

    def test_two_phones(self) -> None:
        """The list of one phone is not that of another."""
        self.commands("ADD ben@xmpp.example")
        other = evolve(PHONE, user="+491709999999")
        self.assertEqual(self.command("LIST", phone=other), "Your list is empty. Send ADD address.")

    def test_verdict(self) -> None:
        """A question of a stranger who may not speak is refused, not answered."""
        stranger = Party(PHONE, asserted_by=LANE_M)
        self.assertEqual(self.reason(from_phone("4455", "LIST", origin=stranger)), "forbidden")
        self.assertEqual(self.said(from_phone("4455", "LIST")).verdict, Taken(""))


