"""The addresses on a stanza of ours, and what is said when they cannot be written.  Pure."""

from __future__ import annotations

from iwf.mapping.model import Address, Failure, Reason
from iwf.xmpp.elements import Component
from iwf.xmpp.jid import JidFault, address_of_jid, jid_of_address


class Unwritable(Exception):
    """An item that cannot become a stanza of this component.

    :ivar failure: why, for the core.
    """

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.failure = Failure(reason, text=text)


def spelling_of(sender: str, origin: Address) -> str:
    """The sender as his server spells him, where that is not how we would (ADDR-22)."""
    if "xn--" not in origin.domain:
        return ""
    bare = sender.partition("/")[0]
    return "" if bare == jid_of_address(origin.bare()) else bare


def own_jid(address: Address, component: Component) -> str:
    """The JID of an address in the component's domain, for ``from``.

    :raise JidFault: when it is no JID.
    :raise Unwritable: when it is elsewhere.
    """
    # XMPP-5: a stanza from elsewhere would cost us the stream.
    if address.domain != component.domain:
        raise Unwritable(Reason.INTERNAL, "the sender is not in the component's domain")
    return jid_of_address(address, component.spelling)


def native_jid(address: Address, spelling: str) -> str:
    """The JID of a user of XMPP, for ``to``.

    :param spelling: how his own server spells it, if known (ADDR-22).
    :raise JidFault: when it is no JID.
    """
    if spelling:
        try:
            if address_of_jid(spelling) == address.bare():
                return f"{spelling}/{address.instance}" if address.instance else spelling
        except JidFault:
            pass  # not a spelling of ours; the address itself is as good
    return jid_of_address(address)
