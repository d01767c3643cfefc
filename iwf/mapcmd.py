"""``iwf map``: how one user is written in each of the three worlds, and by which rules.

Beside the entry, not in the core, since it speaks the spellings of all edges.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from attrs import evolve, frozen

from iwf.mapping.address import Mapped, canonical, image_of, native_of, phone_of
from iwf.mapping.model import SIP, TEL, XMPP, Address, Failure, Reason
from iwf.mapping.settings import Gateway
from iwf.sip.address import NoImage, address_of_uri, uri_of_address
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.uri import parse_uri
from iwf.xmpp.jid import JidFault, address_of_jid, jid_of_address

_NAMES = {XMPP: "XMPP", SIP: "SIP", TEL: "SMS"}

_NUMBER = re.compile(r"\+[-0-9.()]+|[0-9]{3,8}")


class _Unreadable(ValueError):
    """The text is no address of a kind we know; its text says why."""


@frozen
class _Spelled:
    """What an address looks like in one world, or why it has no look there."""

    text: str | None
    why: str


@frozen
class _Asked:
    """The address in question."""

    address: Address
    notes: tuple[str, ...] = ()
    """What is worth knowing about the way it was written."""


def describe(text: str, gateway: Gateway) -> dict[str, str | None]:
    """Where a user is seen: ``xmpp``, ``sip`` and ``sms`` hold his address in each world, or None
    where he has none; ``reason`` says which rules made it so.

    :param text: a JID; an ``xmpp:``, ``sip:``, ``sips:``, ``tel:``, ``sms:``, ``im:`` or ``pres:``
        URI; a number.  It may be native or an image in a domain of the gateway.
    """
    try:
        asked = _read(text.strip(), gateway)
    except _Unreadable as fault:
        return _answer({}, f"This is no address: {fault}.")
    if gateway.directory.alias_at(asked.address.scheme, asked.address.domain) is None:
        native = canonical(asked.address, gateway)
        tenants = _tenants_of(native, gateway)
        return _explain(native, tenants, f"A native {_NAMES[native.scheme]} address", asked.notes,
                        gateway)
    found = native_of(asked.address, gateway)
    if isinstance(found, Failure):
        return _answer({}, f"Nobody is behind this address: {_because(found)}.")
    assert found.alias is not None  # native_of answers only for addresses in an alias
    opening = (f"An image in {found.alias.domain} of a native {_NAMES[found.address.scheme]} address"
               f" ({', '.join(found.rules)})")
    return _explain(found.address, (found.alias.tenant,), opening, asked.notes, gateway)


# --- reading ----------------------------------------------------------------------------------

def _read(text: str, gateway: Gateway) -> _Asked:
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower() if colon else ""
    try:
        if _NUMBER.fullmatch(text):
            return _Asked(_phone(text))
        if scheme == "xmpp":
            return _Asked(address_of_jid(_jid_of_uri(rest)))
        if scheme == "sms":
            return _recipients(rest)
        if scheme in ("sip", "sips", "tel", "im", "pres"):
            return _Asked(address_of_uri(parse_uri(text, "URI")), _NOTES.get(scheme, ()))
        address = address_of_jid(text)
    except SipSyntaxError as fault:
        raise _Unreadable(fault.reason) from fault
    except UnicodeDecodeError as fault:
        raise _Unreadable("its escapes are not UTF-8") from fault
    except (JidFault, NoImage) as fault:
        raise _Unreadable(str(fault)) from fault
    if gateway.directory.alias_at(XMPP, address.domain) is None \
            and gateway.directory.alias_at(SIP, address.domain) is not None:
        # Without a scheme, and in a domain of ours that exists in SIP alone.
        return _Asked(evolve(address, scheme=SIP), ("read as a SIP address",))
    return _Asked(address)


_NOTES = {
    "sips": ("sips: is read as sip:, but a request to it is refused (ADDR-56)",),
    "im": ("im: is read as sip: (ADDR-30)",),
    "pres": ("pres: is read as sip: (ADDR-30)",),
}


def _phone(text: str) -> Address:
    phone = phone_of(text)
    if phone is None:
        raise _Unreadable("neither a number with + and 1 to 15 digits nor a short code (ADDR-36)")
    return phone


def _recipients(rest: str) -> _Asked:
    """ADDR-42: the recipients of an ``sms:`` URI; its body is not looked at."""
    first, *others = unquote(rest.partition("?")[0], errors="strict").split(",")
    notes = (f"the first of {len(others) + 1} recipients (ADDR-42)",) if others else ()
    return _Asked(_phone(first), notes)


def _jid_of_uri(rest: str) -> str:
    """ADDR-43: the JID in an ``xmpp:`` URI, without account, query and fragment."""
    path = rest.partition("#")[0].partition("?")[0]
    if path.startswith("//"):
        path = path[2:].partition("/")[2]
    return unquote(path, errors="strict")


# --- explaining -------------------------------------------------------------------------------

def _tenants_of(native: Address, gateway: Gateway) -> tuple[str, ...]:
    """The tenants that show a native user in another world, in the order of the configuration;
    if none does, those that know why not."""
    tenants = gateway.directory.tenants
    worlds = [world for world in (XMPP, SIP) if world != native.scheme]
    found = {tenant: [image_of(native, world, tenant, gateway) for world in worlds]
             for tenant in tenants}
    served = [tenant for tenant in tenants
              if any(isinstance(image, Mapped) for image in found[tenant])]
    return tuple(served) or tuple(
        tenant for tenant in tenants
        if any(isinstance(image, Failure) and image.reason is not Reason.FORBIDDEN
               for image in found[tenant])) or tenants


def _explain(native: Address, tenants: tuple[str, ...], opening: str,
             notes: tuple[str, ...], gateway: Gateway) -> dict[str, str | None]:
    if not tenants:
        return _answer({}, "The configuration names no connectors.")
    tenant, *others = tenants
    parts = [f"{opening}, tenant {tenant}", *notes]
    spelled: dict[str, str | None] = {}
    for world in (XMPP, SIP, TEL):
        if world == native.scheme:
            found = _written(native, native.domain, gateway)
        else:
            found = _image(native, world, tenant, gateway)
        spelled[world] = found.text
        if found.why:
            parts.append(f"{_NAMES[world]}: {found.why}")
    if others:
        parts.append(f"also served by {', '.join(others)}")
    return _answer(spelled, "; ".join(parts) + ".")


def _image(native: Address, world: str, tenant: str, gateway: Gateway) -> _Spelled:
    """How a native user is seen in another world."""
    if world == TEL:
        if tenant not in gateway.directory.prefixes:
            return _Spelled(None, f"tenant {tenant} has no link to phones")
        return _Spelled(None, "a number is leased at his first message to a phone (ADDR-47)")
    found = image_of(native, world, tenant, gateway)
    if isinstance(found, Failure):
        return _Spelled(None, f"no image, {_because(found)}")
    assert found.alias is not None  # the world is another one
    spelled = _written(found.address, found.alias.domain, gateway)
    return spelled if spelled.text is None else evolve(spelled, why=f"by {', '.join(found.rules)}")


def _written(address: Address, domain: str, gateway: Gateway) -> _Spelled:
    """An address on the wire of its own world; ``domain`` as the configuration spells it."""
    try:
        if address.scheme == XMPP:
            ours = domain if domain != address.domain else ""
            return _Spelled(jid_of_address(address, ours), "")
        if address.scheme == SIP:
            return _Spelled(str(uri_of_address(address, phone_hosts=_phone_hosts(gateway))), "")
    except (JidFault, NoImage) as fault:
        return _Spelled(None, f"cannot be written, {fault}")
    operator = f"at the operator {address.domain} (ADDR-39)" if address.domain else ""
    return _Spelled(address.user, operator)


def _phone_hosts(gateway: Gateway) -> frozenset[str]:
    """Our SIP domains behind which phones are seen (ADDR-38)."""
    return frozenset(name for (world, name), alias in gateway.directory.aliases.items()
                     if world == SIP and alias.bridges == TEL)


def _because(failure: Failure) -> str:
    """The detail of a failure of the core, its rule behind it."""
    rule, _, text = failure.detail.partition(": ")
    return f"{text} ({rule})"


def _answer(spelled: dict[str, str | None], reason: str) -> dict[str, str | None]:
    return {"xmpp": spelled.get(XMPP), "sip": spelled.get(SIP), "sms": spelled.get(TEL),
            "reason": reason}
