"""What data_coding says about user data (SMPP 3.4 5.2.19, 3GPP TS 23.038 4; SMS-22)."""

from __future__ import annotations

from iwf.mapping.charset.coding import GSM, decoded, gsm_coding, lf_text
from iwf.smpp.settings import Profile

DEFAULT_CODING = 0
LATIN1_CODING = 3
UCS2_CODING = 8

_DEFAULT = "default"
_IA5 = "ia5"
_UCS2 = "ucs2"

# SMS-22: what the values of SMPP 3.4 5.2.19 say; None is binary.  9, 11, 12 and 15 are reserved:
# 3GPP TS 23.038 4 tells the receiver to take reserved codings as the default alphabet.
_SMPP_CODINGS: tuple[str | None, ...] = (
    _DEFAULT, _IA5, None, "latin-1", None, "jis-x-0208", "iso8859_5", "iso8859_8",
    _UCS2, _DEFAULT, "iso2022_jp", _DEFAULT, _DEFAULT, "jis-x-0212", "euc_kr", _DEFAULT,
)

#: Codings of ``default_alphabet`` in the words of :mod:`iwf.mapping.charset.coding`.
_ALPHABETS = {"gsm_unpacked": GSM, "gsm_packed": GSM, "ascii": "ascii", "latin1": "latin-1"}


class NotText(Exception):
    """The data coding says that the user data is no text (SMS-22, SMS-23)."""


def coding_name(data_coding: int) -> str | None:
    """What a data_coding octet says about the user data: the name of a coding, None when binary.

    :param data_coding: 0 to 255; values of SMPP 3.4 first, then 3GPP TS 23.038 section 4 (SMS-22).
    """
    if data_coding < 0x10:
        return _SMPP_CODINGS[data_coding]
    if data_coding < 0x80:  # 00xx and 01xx: general groups
        if data_coding & 0x20:
            return None  # compressed
        return (_DEFAULT, None, _UCS2, _DEFAULT)[data_coding >> 2 & 3]
    if data_coding & 0xF0 == 0xE0:  # message waiting, UCS-2
        return _UCS2
    if data_coding & 0xF4 == 0xF4:  # class group, 8-bit data
        return None
    return _DEFAULT  # waiting indication, class group, reserved


def message_class(data_coding: int) -> int | None:
    """The class of 3GPP TS 23.038 4: 0 flash, 1 phone, 2 SIM, 3 terminal; None without one."""
    if data_coding & 0x90 == 0x10 or data_coding & 0xF0 == 0xF0:
        return data_coding & 3
    return None


def coding_of(data_coding: int, profile: Profile, locking: int = 0, single: int = 0) -> str:
    """The coding that a data_coding octet means to one operator, as
    :mod:`iwf.mapping.charset.coding` names it.

    :param locking: the language of the locking shift that the header asks for (SMS-29).
    :param single: the same for the single shift.
    :raises NotText: the coding is a binary one.
    """
    name = coding_name(data_coding)
    if name is None:
        raise NotText(f"data_coding {data_coding:#04x}")
    if name == _UCS2:
        return f"utf-16-{profile.ucs2}"
    if name == _IA5:
        name = GSM if profile.ia5_is_gsm else "ascii"
    elif name == _DEFAULT:
        name = _ALPHABETS[profile.default_alphabet]
    return gsm_coding(locking, single) if name == GSM else name


def is_packed(data_coding: int, profile: Profile) -> bool:
    """Whether the user data are packed septets."""
    return profile.default_alphabet == "gsm_packed" and coding_name(data_coding) == _DEFAULT


def decode(octets: bytes, data_coding: int, profile: Profile) -> str:
    """The text in user data without its header, septets unpacked; line ends become LF.

    :raises NotText: the coding is a binary one.  Nothing else is raised: what cannot be read in
        a text coding becomes U+FFFD.
    """
    return lf_text(decoded(octets, coding_of(data_coding, profile)))
