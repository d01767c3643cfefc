"""Kamailio as a provider that believes nobody without a password, the gateway included."""

from __future__ import annotations

from tests.peers.kamailio import Kamailio


class AskingKamailio(Kamailio):
    """Challenges every MESSAGE with 407 and every REGISTER of a user with a password with 401.

    The gateway has to speak for users of the domain, as anybody else does.
    """

    def prepare(self) -> None:
        super().prepare()
        path = self.directory / "kamailio.cfg"
        text = path.read_text()
        start = text.index("    if (!($si ==")
        end = text.index("remove_hf", start)
        path.write_text(f"{text[:start]}    route(AUTHENTICATE);\n    {text[end:]}")
