"""The languages of the service number: those that come with iwf, and what an operator has written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from iwf.errors import Problem
from iwf.mapping.service.catalogue import ENGLISH, Catalogue, Word, faults_of

_WORDS = {word.value: word for word in Word}


class CatalogueError(Exception):
    """A catalogue cannot be used; each argument is a problem of one file."""


def catalogues(folder: Path | None) -> tuple[Catalogue, ...]:
    """Every language there is, English first.

    :param folder: files named ``<language>.toml``, which may hold a new language or change what is
        said in one that is there; None for none.
    :raises CatalogueError: with every fault.
    """
    found = {ENGLISH.language: ENGLISH}
    problems: list[str] = []
    places = [_toml_files(files("iwf").joinpath("catalogues"))]
    if folder is not None:
        try:
            places.append(_toml_files(folder))
        except OSError as error:
            raise CatalogueError(f"{folder}: {error.strerror}") from None
    for place in places:
        for file in place:
            language = file.name.removesuffix(".toml").lower()
            try:
                found[language] = _over(found.get(language), language, file)
            except CatalogueError as error:
                problems += [f"{file.name}: {fault}" for fault in error.args]
    if problems:
        raise CatalogueError(*problems)
    return tuple(found.values())


def _toml_files(folder: Traversable) -> list[Traversable]:
    return sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)


def _over(known: Catalogue | None, language: str, file: Traversable) -> Catalogue:
    """What a file says, over what was there for its language."""
    try:
        raw = tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise CatalogueError(f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise CatalogueError(f"is no TOML: {error}") from None
    faults = list(_shape_faults(raw))
    if faults:
        raise CatalogueError(*faults)
    texts = {**(known.texts if known else {}), **raw.get("texts", {})}
    words = {**(known.words if known else {}),
             **{_WORDS[name]: tuple(some) for name, some in raw.get("words", {}).items()}}
    catalogue = Catalogue(language, texts, words)
    if faults := faults_of(catalogue):
        raise CatalogueError(*faults)
    return catalogue


def _shape_faults(raw: dict[str, Any]) -> Iterator[str]:
    """What is not as a catalogue is written."""
    yield from (f"{name} is not a known table" for name in raw.keys() - {"words", "texts"})
    for name, text in _table(raw, "texts"):
        if not isinstance(text, str):
            yield f"texts.{name} must be a text"
    for name, some in _table(raw, "words"):
        if name not in _WORDS:
            yield f"words.{name} is not a known command"
        elif not isinstance(some, list) or not all(isinstance(word, str) for word in some):
            yield f"words.{name} must be a list of words"


def _table(raw: dict[str, Any], name: str) -> Iterable[tuple[str, object]]:
    found = raw.get(name, {})
    return found.items() if isinstance(found, dict) else [(name, None)]


def problems_of(folder: Path) -> Iterator[Problem]:
    """The faults of an operator's catalogues."""
    try:
        catalogues(folder)
    except CatalogueError as error:
        yield from (Problem("smpp.service.catalogues", fault) for fault in error.args)
