# SPDX-License-Identifier: BSD-3-Clause
"""Which licence a text is: the words that only one licence has, and what files say in one line.

A text names a licence, not the program's choice of it: "version 3 or any later" stands in the
sources and not in the GPL. What stays open is said in words, for somebody to look at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from core import spdx

_IDENTIFIER = re.compile(r"SPDX-License-Identifier:\s*([A-Za-z0-9.+() -]+)")
_LATER = re.compile(r"or \(at your option\) any later version|or any later version", re.IGNORECASE)

# Of each licence all words must stand in the text, its name first. `{}` is open.
_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AGPL-3.0{}", ("gnu affero general public license version 3",)),
    ("LGPL-3.0{}", ("gnu lesser general public license version 3",)),
    ("LGPL-2.1{}", ("gnu lesser general public license version 2.1",)),
    ("LGPL-2.0{}", ("gnu library general public license version 2",)),
    ("GPL-3.0{}", ("gnu general public license version 3",)),
    ("GPL-2.0{}", ("gnu general public license version 2",)),
    ("Apache-2.0", ("apache license version 2.0", "terms and conditions")),
    ("MPL-2.0", ("mozilla public license version 2.0",)),
    ("EUPL-1.2", ("european union public licence v. 1.2",)),
    ("CECILL-2.1", ("cecill free software license agreement", "version 2.1")),
    ("BSL-1.0", ("boost software license - version 1.0",)),
    ("CC0-1.0", ("cc0 1.0 universal",)),
    ("Unlicense", ("this is free and unencumbered software released into the public domain",)),
    ("MIT", ("permission is hereby granted, free of charge, to any person obtaining a copy",
             "the above copyright notice and this permission notice")),
    ("ISC", ("permission to use, copy, modify, and or distribute this software",)),
    ("Zlib", ("this software is provided 'as-is'", "altered source versions")),
    ("BSD-4-Clause", ("redistribution and use in source and binary forms",
                      "all advertising materials")),
    ("BSD-3-Clause", ("redistribution and use in source and binary forms", "endorse or promote")),
    ("BSD-2-Clause", ("redistribution and use in source and binary forms",)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Licence:
    """An SPDX expression where the texts are clear, and what they say for somebody to look at."""

    spdx: str | None
    note: str | None


def licence_of(texts: Iterable[str], headers: Iterable[str]) -> Licence:
    """Return the licence that a program's licence texts and the heads of its source files tell.

    Args:
        texts: the files that people call LICENSE, COPYING and the like.
        headers: the beginnings of source files.
    """
    heads = list(headers)
    stated = sorted({found for head in heads for found in _identifiers(head)})
    named = [found for text in texts if (found := named_in(text))]
    named = list(dict.fromkeys(named))
    if not named:
        if len(stated) == 1:
            return Licence(stated[0], f"its source files: {stated[0]}")
        return Licence(None, f"its source files: {', '.join(stated)}" if stated else None)
    closed = [_closed(found, stated, heads) for found in named]
    said = ", ".join(found.format("") for found in named)
    others = [item for item in stated if item not in closed]
    note = f"{said}{f'; its source files: {chr(44).join(others)}' if others else ''}"
    if len(closed) == 1 and closed[0] is not None and not others:
        return Licence(closed[0], note)
    if closed == [None]:
        note = f"{said}, but not whether any later version may be chosen"
    return Licence(None, note)


def named_in(text: str) -> str | None:
    """Return the licence that a text is, with `{}` where it leaves "or later" open."""
    plain = re.sub(r"license,? version", "license version", _plain(text.lower()))
    fitting = [(plain.index(words[0]), name) for name, words in _WORDS if _all_in(words, plain)]
    if fitting:  # the one that is named first: a licence names others further down
        return min(fitting, key=lambda found: found[0])[1]
    return next(iter(_identifiers(text)), None)


def _all_in(words: tuple[str, ...], text: str) -> bool:
    return all(word in text for word in words)


def _plain(text: str) -> str:
    """Return a text on one line, without quotes and the marks of comments."""
    return " ".join(re.sub(r"[\"“”*#/]", " ", text).split())


def _closed(found: str, stated: list[str], heads: list[str]) -> str | None:
    """Return a licence with its open end decided by what the source files say."""
    if "{}" not in found:
        return found
    choices = [found.format(end) for end in ("-only", "-or-later")]
    for choice in choices:
        if choice in stated:
            return choice
    if any(_LATER.search(_plain(head)) for head in heads):
        return choices[1]
    return None


def _identifiers(text: str) -> list[str]:
    found = [match.strip() for match in _IDENTIFIER.findall(text[:4000])]
    return [item for item in found if spdx.parse(item).is_valid]
