"""SIPp as a notifier that breaks the rules: NOTIFYs out of order, forked, malformed, and of no dialog.

The test stands in the place of the engine, so that it sees what the edge makes of them, and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from iwf.mapping.model import Presence, WatchGranted, WatchRefused
from tests.interop.watching import WatchingDesk
from tests.peers.base import launch, require, run
from tests.peers.sipp import SippServer

SCENARIO = """\
<?xml version="1.0" encoding="ISO-8859-1" ?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="notifier">
<recv request="SUBSCRIBE">
  <action><ereg regexp="tag=([^;]*)" search_in="hdr" header="From:" assign_to="from,tag"/>
    <ereg regexp="sip:[^&gt;]*" search_in="hdr" header="Contact:" assign_to="target"/></action>
</recv>
<Reference variables="from"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=n1
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Expires: 600
Content-Length: 0

]]></send>
{steps}
</scenario>
"""

STEP = """\
<send retrans="500"><![CDATA[
NOTIFY [$target] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:juliet@sip.test>;tag={from_tag}
To: <sip:romeo*xmpp.test@xmpp.sip.test>;tag={to_tag}
Call-ID: [call_id]
CSeq: {cseq} NOTIFY
Max-Forwards: 70
{headers}Content-Length: [len]

{body}
]]></send>
<recv response="{status}"/>
"""

#: Throw a seventh of all messages away, and take no repetition for a fault.
LOSING = ("-lost", "15", "-default_behaviors", "all,-bye,-abortunexp")

DOCUMENT = ("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:juliet@sip.test'><tuple id='{id}'><status>"
            "<basic>open</basic></status></tuple></presence>")


@frozen
class Notify:
    """One NOTIFY, and the answer that it must get."""

    cseq: int
    status: int
    state: str = "active;expires=600"
    body: str = ""
    from_tag: str = "n1"
    to_tag: str = "[$tag]"
    event: str = "presence"
    kind: str = "application/pidf+xml"
    has_contact: bool = True

    def step(self) -> str:
        lines = {
            "Contact": "<sip:[local_ip]:[local_port]>" if self.has_contact else "",
            "Event": self.event,
            "Subscription-State": self.state,
            "Content-Type": self.kind if self.body else "",
        }
        headers = "".join(f"{name}: {value}\n" for name, value in lines.items() if value)
        return STEP.format(from_tag=self.from_tag, to_tag=self.to_tag, cseq=self.cseq, headers=headers, body=self.body,
                           status=self.status)


class Notifier(SippServer):
    """Takes one subscription and notifies as it is told; every call that goes as expected is a success."""

    def __init__(self, directory: Path, *notifies: Notify, **options: Any) -> None:
        super().__init__(directory, **options)
        self.notifies = notifies

    def prepare(self) -> None:
        super().prepare()
        self.scenario.write_text(SCENARIO.format(steps="".join(notify.step() for notify in self.notifies)))


class NotifierTests(TestCase):
    """What the subscriber answers, on the wire."""

    timeout = 60

    def setUp(self) -> None:
        require(self, SippServer)

    def tearDown(self) -> Any:
        return self.desk.stop()

    async def play(self, *notifies: Notify, **options: Any) -> WatchingDesk:
        folder = Path(self.mktemp()).absolute()
        notifier = await launch(self, Notifier(folder, *notifies, **options))
        self.desk = WatchingDesk(reactor, notifier.port)
        self.desk.start()
        self.desk.ask()
        while not (result := notifier.result()).succeeded + result.failed:
            await deferLater(reactor, 0.1, lambda: None)
        self.assertEqual((1, 0), (result.succeeded, result.failed), notifier.log_tail())
        return self.desk

    def devices(self, desk: WatchingDesk) -> list[str]:
        """The device of each document that was taken."""
        return [event.devices[0].instance for event in desk.events if isinstance(event, Presence)]

    def test_order(self) -> Any:
        """Of what comes in disorder, or from another dialog, only what is newer counts (PRES-3, PRES-18)."""
        async def steps() -> None:
            desk = await self.play(
                Notify(5, 200, body=DOCUMENT.format(id="first")),
                Notify(1, 481, body=DOCUMENT.format(id="forked"), from_tag="n2"),
                Notify(9, 481, body=DOCUMENT.format(id="foreign"), to_tag="other"),
                Notify(4, 500, body=DOCUMENT.format(id="late")),
                Notify(1000, 200, body=DOCUMENT.format(id="second")),
                Notify(6, 500, "terminated;reason=rejected"),
                Notify(1001, 200, "terminated;reason=rejected"),
                Notify(1002, 481, body=DOCUMENT.format(id="after")),
            )
            self.assertEqual(["first", "second"], self.devices(desk))
            self.assertEqual(1, sum(isinstance(event, WatchGranted) for event in desk.events))
            self.assertIsInstance(desk.events[-1], WatchRefused)

        return run(steps())

    def test_malformed(self) -> Any:
        """What is no NOTIFY of ours, or none at all, is refused by its fault; what was seen stays (PRES-17)."""
        async def steps() -> None:
            desk = await self.play(
                Notify(1, 400, has_contact=False),
                Notify(2, 400, ""),
                Notify(3, 489, event="dialog"),
                Notify(4, 489, event=""),
                Notify(5, 200, body=DOCUMENT.format(id="first")),
                Notify(6, 400, ";active"),
                Notify(7, 400, body="<presence"),
                Notify(8, 415, body="hello", kind="text/plain"),
                Notify(9, 400, body=DOCUMENT.format(id="x"), kind="none"),
                Notify(10, 200, "active;expires=abc", body=DOCUMENT.format(id="second")),
                Notify(11, 200, "terminated;reason=noresource"),
            )
            self.assertEqual(["first", "second"], self.devices(desk))

        return run(steps())

    def test_lost_datagrams(self) -> Any:
        """When a seventh of all datagrams is lost, both ways, each document is seen once and in order."""
        async def steps() -> None:
            names = [f"d{number}" for number in range(12)]
            desk = await self.play(
                *(Notify(number + 1, 200, body=DOCUMENT.format(id=name)) for number, name in enumerate(names)),
                Notify(100, 200, "terminated;reason=rejected"), options=LOSING)
            self.assertEqual(names, self.devices(desk))

        return run(steps())
