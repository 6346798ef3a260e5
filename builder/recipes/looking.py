# SPDX-License-Identifier: BSD-3-Clause
"""Looking at a document that may still be wrong: checks pass over what its schema faults were told of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from core.problems import Problem
from core.strict_yaml import Document, Path_, Value


def values(document: Document, pattern: str) -> Iterator[tuple[Path_, Value]]:
    """Yield every value at `pattern`, like `build.sources[].url`, passing over what has no such place.

    Checks may so look at a document whose schema faults were reported already.
    """
    found: list[tuple[Path_, Value]] = [((), document.value)]
    for step in pattern.split("."):
        name = step.removesuffix("[]")
        found = [
            ((*path, name), value[name])
            for path, value in found
            if isinstance(value, dict) and name in value
        ]
        if step.endswith("[]"):
            found = [
                ((*path, index), item)
                for path, value in found
                if isinstance(value, list)
                for index, item in enumerate(value)
            ]
    yield from found


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a document and where it stands."""

    document: Document
    path: Path_
    text: str

    def problem(self, rule: str, message: str, *, hint: str | None = None) -> Problem:
        """Return a problem of this text."""
        field = ".".join(str(part) for part in self.path)
        return Problem(self.document.where(self.path), rule, message, hint=hint, field=field)


def texts(document: Document, pattern: str) -> Iterator[Text]:
    """Yield every text at `pattern`, passing over what is none."""
    for path, value in values(document, pattern):
        if isinstance(value, str):
            yield Text(document, path, value)


def repeated(found: Iterable[Text], *, same: Callable[[str], str] = str) -> Iterator[Problem]:
    """Yield a problem for each text that stood there before; `same` says what counts as equal."""
    first: dict[str, int] = {}
    for text in found:
        key = same(text.text)
        line = text.document.where(text.path).line
        if key in first:
            yield text.problem(
                "recipe-duplicate",
                f"'{text.text}' stands here a second time, first on line {first[key]}",
                hint="keep one of the two",
            )
        first.setdefault(key, line)


def at(document: Document, path: Path_, rule: str, message: str, hint: str) -> Problem:
    """Return the problem of the value at `path`."""
    field = ".".join(str(part) for part in path)
    return Problem(document.where(path), rule, message, hint=hint, field=field)
