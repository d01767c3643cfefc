"""Why not: reasons, failures, and verdicts."""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Reason(Enum):
    """Why something was refused or failed.  Each edge has one table to and one from its codes;
    the pairwise tables of ERR 8.1-8.5 are tests of those."""

    MALFORMED = "malformed"                      # the request itself cannot be understood
    MALFORMED_ADDRESS = "malformed-address"
    UNSUPPORTED_ADDRESS = "unsupported-address"  # a scheme nobody here serves
    UNKNOWN_RECIPIENT = "unknown-recipient"
    GONE = "gone"
    REDIRECTED = "redirected"
    UNKNOWN_DOMAIN = "unknown-domain"            # the recipient's server cannot be found
    FORBIDDEN = "forbidden"                      # this sender may not (policy, tenancy)
    NOT_ALLOWED = "not-allowed"                  # nobody may do this to the recipient
    NOT_AUTHENTICATED = "not-authenticated"
    REGISTRATION_REQUIRED = "registration-required"
    SUBSCRIPTION_REQUIRED = "subscription-required"
    REFUSED = "refused"                          # the far side or the gateway rejects this message
    NOT_ACCEPTABLE = "not-acceptable"
    UNSUPPORTED_CONTENT = "unsupported-content"
    NOT_SUPPORTED = "not-supported"              # the operation is not implemented
    NOT_OFFERED = "not-offered"                  # the recipient's server does not take it
    POLICY = "policy"
    TOO_BIG = "too-big"
    UNAVAILABLE = "unavailable"                  # the recipient cannot be reached just now
    DELETED = "deleted"                          # withdrawn by the far side after it had said yes
    EXPIRED = "expired"
    TIMEOUT = "timeout"                          # no answer: the outcome is unknown
    UNREACHABLE = "unreachable"                  # the connection to the next hop failed
    CONGESTED = "congested"                      # come back later
    TOO_FAST = "too-fast"                        # this sender writes too much to this recipient
    EXHAUSTED = "exhausted"                      # the recipient's server has no room
    LOOP = "loop"
    CONFLICT = "conflict"
    UNEXPECTED = "unexpected"
    INTERNAL = "internal"
    UNDEFINED = "undefined"
    UNKNOWN_FAULT = "unknown-fault"              # a code that only the far side's vendor knows


@frozen
class Failure:
    """Why a message was not delivered, as a value that travels between edges."""

    reason: Reason
    permanent: bool = True
    """False when the same request may succeed later (SMPP's 64 against 65 and 66, ERR-14)."""
    retry_after: float | None = None
    """Seconds to wait before another try, when known."""
    text: str = ""
    """May be shown to peers (ERR-3)."""
    detail: str = ""
    """For our log only; never leaves the house."""
    everywhere: bool = False
    """Holds for every device of the recipient, not only for one (ERR-5: the 6xx codes)."""
    elsewhere: str = ""
    """A new address in URI form, with GONE and REDIRECTED."""
    of_gateway: bool = False
    """The gateway as a whole is at fault, or the way to a whole world behind it, not this sender or
    recipient: a peer that has another gateway may turn to that one (ERR-12)."""


@frozen
class Taken:
    """The verdict yes: the message is durable and will be delivered, or its sender told."""

    delivery: str
    """The id under which the ledger knows it."""


@frozen
class Refused:
    """The verdict no, with the reason for the peer."""

    failure: Failure


Verdict = Taken | Refused
