# SPDX-License-Identifier: BSD-3-Clause
"""A file of the repository that lists packages: `{"schema": 1, "packages": [...]}`, one form for all kinds.

What is read is not believed: it was written elsewhere, and its words become parts of pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

from catalog import codec
from core.canonical import Json, readable_json
from core.errors import InvalidInput
from core.problems import Position, Problem, in_order

SCHEMA: Final = 1

T = TypeVar("T")


def write_listing(rows: Iterable[Json]) -> bytes:
    """Return the content of a list of packages."""
    return readable_json({"schema": SCHEMA, "packages": [*rows]}).encode("utf-8")


def read_listing(
    kind: type[T],
    content: bytes,
    *,
    file: Path,
    rule: str,
    faults: Callable[[T], Iterable[codec.Fault]],
) -> tuple[T, ...]:
    """Return the packages of a list.

    Args:
        kind: what each of them is: a dataclass.
        content: of the file.
        file: named in the errors.
        rule: the id of the rule that a wrong file breaks.
        faults: what is wrong with one of them beyond the types of its fields.

    Raises:
        InvalidInput: it is no such file, with everything that is wrong about it.
    """
    try:
        return _decoded(kind, content, faults)
    except codec.Malformed as err:
        raise InvalidInput(
            in_order(
                Problem(Position(file), rule, f"{path} {what}", field=path)
                for path, what in err.faults
            )
        ) from err


def _decoded(
    kind: type[T], content: bytes, faults: Callable[[T], Iterable[codec.Fault]]
) -> tuple[T, ...]:
    value = codec.parse_json(content)
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise codec.Malformed([("schema", f"must be {SCHEMA}")])
    rows = value.get("packages")
    if not isinstance(rows, list) or set(value) != {"schema", "packages"}:
        raise codec.Malformed([("packages", "must be a list, and nothing beside it")])
    found: list[T] = []
    wrong: list[codec.Fault] = []
    for number, row in enumerate(rows):
        try:
            item = codec.from_json(kind, row)
        except codec.Malformed as err:
            wrong += [(f"packages.{number}.{path}", what) for path, what in err.faults]
            continue
        found.append(item)
        wrong += faults(item)
    if wrong:
        raise codec.Malformed(wrong)
    return tuple(found)
