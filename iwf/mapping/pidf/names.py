"""The namespaces of presence documents, their media types, and what a document comes to."""

from __future__ import annotations

from attrs import frozen

from iwf.mapping.model import Aspect, Device, Note

#: What is written (PIDF-2).
TYPE = "application/pidf+xml"

#: What is read (PIDF-2): the draft's name, and XML that does not say more; the root element decides.
READ_TYPES = frozenset({TYPE, "application/cpim-pidf+xml", "text/xml", "application/xml"})

PIDF = "urn:ietf:params:xml:ns:pidf"

#: The same in drafts of RFC 3863, which early phones still write.
DRAFTS = frozenset({"urn:ietf:params:xml:ns:cpim-pidf", "urn:ietf:params:xml:ns:cpim-pidf:"})

IM = "urn:ietf:params:xml:ns:pidf:im"
MODEL = "urn:ietf:params:xml:ns:pidf:data-model"
RPID = "urn:ietf:params:xml:ns:pidf:rpid"
CLIENT = "jabber:client"
GEOPRIV = "urn:ietf:params:xml:ns:pidf:geopriv10"
CIVIC = "urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"
POLICY = "urn:ietf:params:xml:ns:pidf:geopriv10:basicPolicy"
GML = "http://www.opengis.net/gml"

LANG = "{http://www.w3.org/XML/1998/namespace}lang"


class PidfFault(ValueError):
    """Octets that are no presence document."""


@frozen
class Document:
    """What a presence document says."""

    entity: str
    """The URI of the presentity as it stands there; the dialog knows better whose it is (PIDF-1)."""
    devices: tuple[Device, ...] = ()
    """One a tuple, each instance once, in the order of the document."""
    aspects: tuple[Aspect, ...] = ()
    """At most one of each type."""
    notes: tuple[Note, ...] = ()
    """About the presentity as a whole; all there is in a document without tuples."""
