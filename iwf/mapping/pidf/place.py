"""Where a person is: a location object (RFC 4119, RFC 5491) there, XEP-0080 here (RICH-4)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from iwf.mapping.model import Place
from iwf.mapping.pidf.devices import seconds_of_stamp, stamp_of_seconds
from iwf.mapping.pidf.names import CIVIC, GEOPRIV, GML, POLICY
from iwf.mapping.pidf.tables import CIVIC_OF_FIELD, STREET
from iwf.mapping.xmldoc import Node, escaped

#: Seconds that a watcher may keep a location (RICH-4).
RETENTION = 86_400.0

_DECIMAL = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{0,18})?")
_DEGREES = re.compile(r"([0-9]{1,3}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{1,9})?)([NSEW])")
_SEPARATOR = re.compile(r"[\s,]+")


def place_of(root: Node, now: float | None) -> Place | None:
    """The first location in a document that may still be kept.

    :param now: UTC seconds; None: no location is too old.
    """
    for geopriv in _within(root, f"{{{GEOPRIV}}}geopriv"):
        if now is None or not _is_over(geopriv, now):
            fields = (*_civic(geopriv), *_point(geopriv))
            if fields:
                return Place(fields)
    return None


def write_place(place: Place, now: float) -> str:
    """The location object; empty when nothing of the place can be said.

    :param now: UTC seconds.
    """
    fields = dict(place.fields)
    civic = "".join(f"<{names[0]}>{escaped(fields[field])}</{names[0]}>"
                    for field, names in CIVIC_OF_FIELD.items() if fields.get(field))
    inner = f'<civicAddress xmlns="{CIVIC}">{civic}</civicAddress>' if civic else ""
    point = _coordinates(fields.get("lat", ""), fields.get("lon", ""))
    if point:
        inner += (f'<Point xmlns="{GML}" srsName="urn:ogc:def:crs:EPSG::4326">'
                  f"<pos>{' '.join(point)}</pos></Point>")
    if not inner:
        return ""
    # Both children are mandatory, and "no" is what the samples say where the schema has booleans.
    return (f'<gp:geopriv xmlns:gp="{GEOPRIV}" xmlns:gbp="{POLICY}">'
            f"<gp:location-info>{inner}</gp:location-info><gp:usage-rules>"
            "<gbp:retransmission-allowed>no</gbp:retransmission-allowed>"
            f"<gbp:retention-expiry>{stamp_of_seconds(now + RETENTION)}</gbp:retention-expiry>"
            "</gp:usage-rules></gp:geopriv>")


def _within(node: Node, name: str) -> Iterator[Node]:
    """Every element of that name, at any depth."""
    for child in node.children:
        if child.name == name:
            yield child
        yield from _within(child, name)


def _is_over(geopriv: Node, now: float) -> bool:
    """Whether the location must not be kept any longer (RFC 4119 2.2.2)."""
    for name in (f"{{{POLICY}}}retention-expiry", f"{{{GEOPRIV}}}retention-expiry"):
        for rule in _within(geopriv, name):
            until = seconds_of_stamp(rule.text)
            if until is not None and until <= now:
                return True
    return False


def _civic(geopriv: Node) -> Iterator[tuple[str, str]]:
    said: dict[str, str] = {}
    for address in _within(geopriv, f"{{{CIVIC}}}civicAddress"):
        for element in address.children:
            said.setdefault(element.name.removeprefix(f"{{{CIVIC}}}"), element.text.strip())
    for field, names in CIVIC_OF_FIELD.items():
        if field == "street":
            # Without a street, the rest of it names nothing.
            names = STREET if said.get("A6") or said.get("RD") else ()
        text = (" " if field == "street" else ", ").join(said[one] for one in names if said.get(one))
        if text:
            yield field, text


def _point(geopriv: Node) -> Iterator[tuple[str, str]]:
    for name in ("pos", "coordinates"):
        for element in _within(geopriv, f"{{{GML}}}{name}"):
            parts = _SEPARATOR.split(element.text.strip(), 3)
            if len(parts) > 1:
                found = _coordinates(_decimal(parts[0]), _decimal(parts[1]))
                if found:
                    yield "lat", found[0]
                    yield "lon", found[1]
                    return


def _coordinates(lat: str, lon: str) -> tuple[str, ...]:
    """Both, if they are a point on the earth, else nothing."""
    if not (_DECIMAL.fullmatch(lat) and _DECIMAL.fullmatch(lon)):
        return ()
    return (lat, lon) if abs(float(lat)) <= 90 and abs(float(lon)) <= 180 else ()


def _decimal(text: str) -> str:
    """Degrees, minutes and seconds (the samples of RFC 4119) as decimal degrees."""
    match = _DEGREES.fullmatch(text)
    if match is None:
        return text
    degrees = int(match[1]) + int(match[2]) / 60 + float(match[3]) / 3600
    return f"{-degrees if match[4] in 'SW' else degrees:.6f}"
