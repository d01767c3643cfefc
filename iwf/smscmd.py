"""``iwf sms``: what a text becomes on a link, and how many short messages it costs.

Beside the entry, not in the edge, since it speaks to people.
"""

from __future__ import annotations

from typing import Any

from iwf.errors import IwfError
from iwf.smpp.settings import LinkSettings, Profile, SmppSettings
from iwf.smpp.text.segments import Encoded, TooLong, encode

#: The reference that is shown in the headers of parts; the real one counts up (SMS-33).
REFERENCE = 1

#: What is counted in each alphabet.
_UNITS = {"gsm_unpacked": "septet", "gsm_packed": "septet", "ascii": "septet", "latin1": "octet", "ucs2": "UTF-16 unit"}


class NoLink(IwfError):
    """There is no link of the name asked for; its text says which there are."""


class Unsendable(IwfError):
    """The text is refused on the link; its text says why."""


def profile_of(smpp: SmppSettings | None, name: str) -> Profile:
    """The habits of a link's SMSC.

    :param smpp: None without a configuration: then the defaults hold.
    :param name: of the link; empty for the first.
    :raises NoLink: there is none of this name.
    """
    if smpp is None:
        if name:
            raise NoLink(f"link {name}: only a configuration (--config FILE) knows links")
        return Profile()
    found: LinkSettings | None = next((link for link in smpp.links if name in ("", link.name)), None)
    if found is None:
        names = ", ".join(link.name for link in smpp.links) or "none"
        raise NoLink(f"link {name}: no such link; there are: {names}" if name else "no link is configured")
    return found.profile


def encoded(text: str, profile: Profile) -> Encoded:
    """The text as it goes out.

    :raises Unsendable: it needs more parts than the profile allows (SMS-37).
    """
    try:
        return encode(text, profile)
    except TooLong as fault:
        raise Unsendable(f"the text needs {fault.parts} short messages, "
                         f"at most {profile.max_segments} are sent (max_segments)") from fault


def as_dict(text: Encoded) -> dict[str, Any]:
    """For programs: ``alphabet``, ``data_coding``, ``units`` (septets, octets or UTF-16 units) and
    ``parts`` (user data in hexadecimal, header included)."""
    return {"alphabet": text.alphabet, "data_coding": text.data_coding, "units": text.units,
            "parts": [part.hex() for part in text.user_data(REFERENCE)]}


def lines(text: Encoded) -> list[str]:
    """The same for people."""
    # In data_coding 0 the SMSC makes septets of whatever it gets.
    unit = _UNITS[text.alphabet] if text.data_coding else "septet"
    parts = text.user_data(REFERENCE)
    if text.is_long and len(parts) == 1:
        cost = "1 submit_sm with message_payload, which the SMSC splits"
    else:
        cost = _counted(len(parts), "short message") + (f", joined by {text.method}" if text.is_long else "")
    return [f"{text.alphabet}, data_coding {text.data_coding}: {_counted(text.units, unit)}, {cost}",
            *(f"{number:3} {part.hex()}" for number, part in enumerate(parts, 1))]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
