"""What there is to see, for whom, and until when."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import (
    SIP,
    Accepted,
    Address,
    Device,
    Failure,
    Mood,
    Party,
    Presence,
    Published,
    Reason,
    Rejected,
    Show,
    Tune,
    WatchBroken,
    WatchEnded,
    WatchGranted,
    WatchRequested,
)
from iwf.mapping.model.presence import superseding
from iwf.mapping.presence.views import merged
from iwf.mapping.rows import View
from tests.mapping.presence.case import (
    ANA_ASKS,
    ANA_GRANTS,
    ANA_IN_X,
    BEN_ASKS,
    BEN_GRANTS,
    BEN_IN_S,
    BEN_LOOKS,
    MOBILE,
    PC,
    A,
    B,
    PresenceCase,
    of_ana,
    of_ben,
)
from tests.support.sample import ANA, BEN, GATEWAY, TRUNK, S, X

AWAY = evolve(PC, show=Show.AWAY)
BLANK = View("", "", "")
OUT = WatchBroken(A, BEN_IN_S, Failure(Reason.UNREACHABLE, text="no way"))


class MergingTests(SynchronousTestCase):
    def test_device_by_device(self) -> None:
        """The last stanza of every resource is kept (PRES-33)."""
        view = merged(merged(BLANK, of_ben(PC)), of_ben(MOBILE))
        self.assertEqual(view.devices, (PC, MOBILE))
        self.assertEqual(merged(view, of_ben(AWAY)).devices, (AWAY, MOBILE))

    def test_device_leaves(self) -> None:
        """An unavailable resource is in the document no longer (PRES-33)."""
        view = merged(BLANK, of_ben(PC, MOBILE))
        self.assertEqual(merged(view, of_ben(Device("pc", open=False))).devices, (MOBILE,))

    def test_everybody_leaves(self) -> None:
        """Unavailable from the bare address means all of them (RFC 6121 4.5.2)."""
        view = merged(BLANK, of_ben(PC, MOBILE))
        gone = merged(view, of_ben(Device(open=False)))
        self.assertEqual((gone.known, gone.devices), (True, ()))

    def test_whole_document(self) -> None:
        """A document of SIP replaces the one before; closed tuples are not in it (PIDF-5, PRES-35)."""
        view = merged(merged(BLANK, of_ana(PC)), of_ana(MOBILE, Device("z", open=False)))
        self.assertEqual(view.devices, (MOBILE,))
        self.assertEqual(merged(view, of_ana()).devices, ())

    def test_aspects(self) -> None:
        """One aspect of each kind, an empty one takes it away, and none says who is there (RICH-1)."""
        happy, sad, tune = Mood("happy"), Mood("sad"), Tune(title="x")
        view = merged(BLANK, of_ben(aspects=(happy,)))
        self.assertEqual((view.known, view.aspects), (False, (happy,)))
        view = merged(merged(view, of_ben(PC)), of_ben(aspects=(sad, tune)))
        self.assertEqual((view.aspects, view.devices), ((sad, tune), (PC,)))
        self.assertEqual(merged(view, of_ben(aspects=(Mood(),))).aspects, (tune,))

    def test_not_known(self) -> None:
        """An active dialog without a document says that nothing is known (PRES-5)."""
        view = merged(merged(BLANK, of_ana(PC)), of_ana(known=False))
        self.assertEqual((view.known, view.devices), (False, ()))

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from(Show))))
    def test_last_word_of_each(self, words: list[tuple[str, bool, Show]]) -> None:
        """However the news came, the document has the last word of each device that is open (PRES-33)."""
        view, last = BLANK, {}
        for name, is_open, show in words:
            last[name] = Device(name, is_open, show)
            view = merged(view, of_ben(last[name]))
        self.assertEqual({device.instance: device for device in view.devices},
                         {name: device for name, device in last.items() if device.open})


class SupersedingTests(SynchronousTestCase):
    def test_all_who_were_to_be_told(self) -> None:
        """A state that takes another's place is for the legs of both (PRES-34)."""
        one, two = of_ana(PC, legs=("1",)), of_ana(MOBILE, legs=("2", "1"))
        self.assertEqual(superseding(one, two).legs, ("1", "2"))
        self.assertEqual(superseding(one, two).devices, (MOBILE,))
        self.assertEqual(superseding(of_ana(PC), two).legs, ())
        self.assertEqual(superseding(one, of_ana(PC)).legs, ())

    def test_what_is_gone(self) -> None:
        """What the older was to end is ended by the newer, unless it is there again (PRES-35)."""
        older = of_ana(PC, gone=("x", "mobile"))
        self.assertEqual(superseding(older, of_ana(MOBILE, gone=("pc", "x"))).gone, ("x", "pc"))


class TellingTests(PresenceCase):
    def test_all_resources_in_one_document(self) -> None:
        """A SIP watcher always gets all resources, at each of his dialogs (PRES-33)."""
        self.ask()
        self.said(evolve(ANA_ASKS, leg="d2", until=self.desk.now + 60), BEN_GRANTS, of_ben(PC), of_ben(MOBILE))
        self.assertEqual((self.told(Presence).devices, self.told(Presence).legs), ((PC, MOBILE), ("d1", "d2")))

    def test_last_resource(self) -> None:
        """The last resource leaving is told as a document with nobody in it (PRES-33)."""
        self.ask()
        self.said(BEN_GRANTS, of_ben(PC), of_ben(Device("pc", open=False)))
        self.assertEqual((self.told(Presence).known, self.told(Presence).devices), (True, ()))

    def test_only_the_addressed_watcher(self) -> None:
        """What is said to one watcher is told to him alone (PRES-32)."""
        self.ask()
        eve = Party(Address(SIP, "eve", "sip.example"), asserted_by=TRUNK)
        self.said(BEN_GRANTS, WatchRequested(eve, BEN_IN_S, "e1", self.desk.now + 60, lane=TRUNK),
                  WatchGranted(B, evolve(ANA_IN_X, user="eve*sip.example")), of_ben(PC))
        self.assertEqual((self.told(Presence).target, self.told(Presence).legs), (ANA, ("d1",)))

    def test_nothing_new(self) -> None:
        """News that says nothing new is told to nobody (PRES-34)."""
        self.ask()
        self.said(BEN_GRANTS, of_ben(PC), of_ben(PC))
        self.assertEqual((self.kinds(), self.turn.puts), ([], ()))

    def test_nobody_there_is_not_unknown(self) -> None:
        """That nothing is known is told also to who was told that nobody is there (PRES-5)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(), of_ana(known=False))
        self.assertFalse(self.told(Presence).known)

    def test_before_the_grant(self) -> None:
        """What comes before the grant is kept and told with it (section 2.1: keep last)."""
        self.ask()
        self.said(of_ben(PC))
        self.assertEqual(self.kinds(), [])
        self.said(BEN_GRANTS)
        self.assertEqual(self.kinds(), ["sip WatchGranted", "sip Presence"])

    def test_without_a_watch(self) -> None:
        """Directed presence to somebody who never asked is told to nobody (PRES-36, PRES-32)."""
        self.assertTaken(of_ben(PC))
        self.assertEqual((self.kinds(), self.turn.puts), ([], ()))

    def test_while_nobody_looks(self) -> None:
        """Presence that comes while nobody looks is not kept: nobody keeps it true (PRES-10)."""
        self.said(BEN_ASKS, ANA_GRANTS, WatchEnded(B, ANA_IN_X), of_ana(PC))
        self.assertEqual((self.kinds(), self.turn.puts), ([], ()))

    def test_gone_once(self) -> None:
        """A tuple that is missing is told as gone, once (PRES-35)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC, MOBILE), of_ana(PC))
        self.assertEqual((self.told(Presence).gone, self.told(Presence).devices), (("mobile",), (PC,)))
        (item,) = self.turn.latest
        self.said(of_ana(AWAY))
        self.assertEqual(self.told(Presence).gone, ())
        self.assertIn("mobile", self.watch(BEN, ANA).shown)  # not surely told
        self.said(Accepted(item), of_ana(PC))
        self.assertEqual((self.told(Presence).gone, self.watch(BEN, ANA).shown), ((), ("pc",)))

    def test_gone_and_back(self) -> None:
        """A device that is back before its end was told is not forgotten (PRES-35)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC, MOBILE), of_ana(PC))
        (item,) = self.turn.latest
        self.said(of_ana(PC, MOBILE), Accepted(item))
        self.assertEqual(self.watch(BEN, ANA).shown, ("pc", "mobile"))
        self.said(of_ana(PC))
        self.assertEqual(self.told(Presence).gone, ("mobile",))

    def test_gone_not_delivered(self) -> None:
        """What could not be told as gone is told with the next state (PRES-35)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC, MOBILE), of_ana(PC))
        (item,) = self.turn.latest
        self.said(Rejected(item, Failure(Reason.UNDEFINED)), of_ana(AWAY))
        self.assertEqual(self.told(Presence).gone, ("mobile",))

    def test_state_of_now_is_tried_again(self) -> None:
        """A state that was not handed over is not repeated: the one of now is told (PRES-34)."""
        self.ask()
        self.said(BEN_GRANTS, of_ben(PC))
        (item,) = self.turn.latest
        self.said(of_ben(MOBILE), Rejected(item, Failure(Reason.UNREACHABLE), retry=True))
        (again,) = self.turn.latest
        assert isinstance(again.payload, Presence)
        self.assertEqual((again.payload.devices, again.attempts, again.not_before),
                         ((PC, MOBILE), 1, self.desk.now + 1))
        self.assertEqual((self.turn.done, self.turn.retries), ((item,), ()))

    def test_late_news_of_items(self) -> None:
        """News of a state whose watch is no more leaves nothing behind."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC), of_ana())
        (item,) = self.turn.latest
        self.said(WatchEnded(B, ANA_IN_X, forever=True))
        for news in (Accepted(item), Rejected(item, Failure(Reason.UNREACHABLE), retry=True)):
            self.said(news)
            self.assertEqual((self.turn.done, self.kinds(), self.turn.puts), ((item,), [], ()))


class BrokenTests(PresenceCase):
    def test_a_short_break(self) -> None:
        """When the presentity is reached again in time nobody hears of it (PRES-8)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC), OUT)
        self.assertEqual(self.kinds(), [])
        self.due(119)
        self.said(of_ana(PC))
        self.assertEqual(self.kinds(), [])
        self.due(10)
        self.assertEqual((self.kinds(), self.watch(BEN, ANA).due), ([], None))

    def test_a_long_break(self) -> None:
        """After two minutes everything that was shown is gone, with the reason, once (PRES-8, draft 4.3)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC), OUT)
        self.due(120)
        state = self.told(Presence)
        self.assertEqual((state.known, state.devices, state.gone, state.notice), (False, (), ("pc",), "no way"))
        self.said(OUT)
        self.due(1000)
        self.assertEqual(self.kinds(), [])
        self.said(of_ana(PC))
        self.assertEqual((self.told(Presence).known, self.told(Presence).devices), (True, (PC,)))

    def test_the_last_of_several(self) -> None:
        """The time counts from when it broke, not from the last try (PRES-8)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC), OUT)
        self.due(100)
        self.said(OUT)
        self.due(20)
        self.assertEqual(self.kinds(), ["xmpp Presence"])

    def test_who_looks_in_between(self) -> None:
        """Within the two minutes new resources are told the last state, after them that nothing is
        known (draft 4.3)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC), OUT, BEN_LOOKS)
        self.assertEqual(self.told(Presence).devices, (PC,))
        self.due(120)
        self.said(BEN_LOOKS)
        self.assertEqual((self.told(Presence).known, self.told(Presence).notice), (False, "no way"))

    def test_nobody_looks(self) -> None:
        """A break that concerns nobody is nothing."""
        self.assertTaken(OUT)
        self.said(BEN_ASKS, ANA_GRANTS, WatchEnded(B, ANA_IN_X), OUT)
        self.assertEqual((self.kinds(), self.turn.puts), ([], ()))


class PublishedTests(PresenceCase):
    """Ana publishes her state here (PUB-5)."""

    PUBLISHES = Published(A, Address(SIP, "ana", "sip.example"), (PC,), lane=TRUNK)

    def test_open_to_all(self) -> None:
        """Who publishes is seen by everybody of the tenant, at once and without being asked."""
        self.assertTaken(self.PUBLISHES, BEN_ASKS)
        self.assertEqual(self.kinds(), ["xmpp WatchGranted", "xmpp Presence"])
        self.said(evolve(self.PUBLISHES, devices=(AWAY,)))
        self.assertEqual((self.kinds(), self.told(Presence).devices), (["xmpp Presence"], (AWAY,)))

    def test_in_place_of_a_subscription(self) -> None:
        """From then on the user is not asked any more, and a pending question is answered."""
        self.said(BEN_ASKS, self.PUBLISHES)
        self.assertEqual(self.kinds(), ["sip WatchEnded", "xmpp WatchGranted", "xmpp Presence"])

    def test_taken_back(self) -> None:
        """When he takes it back he is gone, and asked again."""
        self.said(self.PUBLISHES, BEN_ASKS, evolve(self.PUBLISHES, devices=()))
        self.assertEqual(self.kinds(), ["sip WatchRenewed", "xmpp Presence"])
        self.assertEqual(self.told(Presence).gone, ("pc",))

    def test_over(self) -> None:
        """What was published counts until its time is over."""
        self.said(evolve(self.PUBLISHES, until=self.desk.now + 60))
        self.desk.now += 60
        self.assertTaken(BEN_ASKS)
        self.assertEqual(self.kinds(), ["sip WatchRequested"])

    def test_fetch(self) -> None:
        """It answers a fetch without asking anybody (PRES-15)."""
        self.said(self.PUBLISHES, BEN_ASKS, WatchEnded(B, ANA_IN_X))
        self.assertEqual(self.kinds(), ["xmpp Presence"])
        self.said(BEN_LOOKS)
        self.assertEqual((self.kinds(), self.told(Presence).devices), (["xmpp Presence"], (PC,)))

    def test_not_open(self) -> None:
        """Where the configuration says so, each watcher still needs an answer."""
        self.desk.gateway = evolve(GATEWAY, published_open=False)
        self.assertTaken(self.PUBLISHES, BEN_ASKS)
        self.assertEqual(self.kinds(), [])
        self.said(ANA_GRANTS)
        self.assertEqual(self.kinds(), ["xmpp WatchGranted", "xmpp Presence"])

    def test_only_his_own(self) -> None:
        """Nobody publishes for others (SIP-63)."""
        self.assertRefused(evolve(self.PUBLISHES, origin=Party(ANA)), Reason.FORBIDDEN)
        self.assertRefused(evolve(self.PUBLISHES, origin=Party(BEN, asserted_by=TRUNK)), Reason.FORBIDDEN)
        self.assertEqual((S, X), (BEN_IN_S.domain, ANA_IN_X.domain))
