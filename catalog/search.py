# SPDX-License-Identifier: BSD-3-Clause
"""Words to entries: every word must occur; the better the place it occurs in, the higher the entry.

The page searches the same way, by `static/search.js`, in the texts that `haystack` returns.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from catalog import panet
from catalog.entry import CatalogEntry
from catalog.words import features

_NAMED, _NAME_BEGINS, _SPOKEN_OF = 4, 2, 1


class Haystack(NamedTuple):
    """What is searched: the names a package goes by, and everything else said of it, folded."""

    names: tuple[str, ...]
    text: str


def search(entries: Iterable[CatalogEntry], words: Sequence[str]) -> tuple[CatalogEntry, ...]:
    """Return the entries in which every word occurs, best first; without words, all, by name."""
    wanted = [word for text in words for word in fold(text).split()]
    scored = [(score(haystack(entry), wanted), entry) for entry in entries]
    found = [(points, entry) for points, entry in scored if points is not None]
    ordered = sorted(found, key=lambda pair: (-pair[0], pair[1].name, pair[1].published))
    return tuple(entry for _, entry in ordered)


def score(hay: Haystack, words: Sequence[str]) -> int | None:
    """Return how well the words fit, or None where one of them does not occur at all."""
    total = 0
    for word in words:
        if word in hay.names:
            total += _NAMED
        elif any(name.startswith(word) for name in hay.names):
            total += _NAME_BEGINS
        elif word in hay.text:
            total += _SPOKEN_OF
        else:
            return None
    return total


def haystack(entry: CatalogEntry) -> Haystack:
    """Return what of an entry is searched."""
    techniques = [name for iri in entry.techniques for name in panet.synonyms(iri)]
    names = [entry.name, entry.title, *(command.name for command in entry.commands)]
    said = [
        *names,
        entry.summary,
        entry.description,
        entry.license.spdx,
        *entry.facilities,
        *techniques,
        *features(entry.runtime),
    ]
    return Haystack(tuple(dict.fromkeys(map(fold, names))), fold(" ".join(said)))


def fold(text: str) -> str:
    """Return a text in small letters, without accents, each run of spaces as one."""
    apart = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in apart if not unicodedata.combining(c)).lower().split())
