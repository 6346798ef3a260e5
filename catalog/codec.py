# SPDX-License-Identifier: BSD-3-Clause
"""Frozen dataclasses to JSON values and strictly back: their annotations are the format.

A field may be text, a number, a truth value, a `StrEnum`, another dataclass, a tuple of any of
these, or absent (`X | None`, written as null). Every field must be there, no other may, and all
faults of a document are found at once, each with the path of its value.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from core.canonical import Json

MAX_BYTES = 1024 * 1024
_PLAIN: dict[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}

T = TypeVar("T")
Fault = tuple[str, str]
"""The path of a value inside the document, and what is wrong with it."""


class Malformed(Exception):
    """The text is not a value of the type; `faults` holds everything found."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{path or 'document'}: {what}" for path, what in faults))
        self.faults = tuple(faults)


def to_json(value: object) -> Json:
    """Return the JSON value of a dataclass."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def parse_json(content: bytes, *, most: int = MAX_BYTES) -> Json:
    """Return the value of a JSON text without JSON's surprises; it may have so many bytes at most.

    Raises:
        Malformed: too large, not UTF-8, not JSON, a key twice, NaN, or nested beyond reason.
    """
    if len(content) > most:
        raise Malformed([("", f"larger than {most // 1024} KiB")])
    try:
        value: Json = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_each_key_once,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as err:
        raise Malformed([("", f"byte {err.start} is not UTF-8")]) from err
    except RecursionError as err:
        raise Malformed([("", "nested too deeply")]) from err
    except ValueError as err:
        raise Malformed([("", f"not JSON: {err}")]) from err
    return value


def from_json(kind: type[T], value: Json) -> T:
    """Return the dataclass that a JSON value stands for.

    Raises:
        Malformed: the value is not of that type, with every fault.
    """
    faults: list[Fault] = []
    result = _decode(kind, value, "", faults)
    if faults:
        raise Malformed(faults)
    return typing.cast("T", result)  # no faults: every field was made by its own annotation


def _each_key_once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result: dict[str, Json] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"key {key!r} stands twice")
        result[key] = value
    return result


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")


def _decode(kind: Any, value: Json, path: str, faults: list[Fault]) -> object:
    # kind is an annotation: a class, or one of typing's forms, which have no common type
    if kind in _PLAIN:
        return _plain(kind, value, path, faults)
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        (inner,) = (arm for arm in typing.get_args(kind) if arm is not type(None))
        return None if value is None else _decode(inner, value, path, faults)
    if origin is tuple:
        return _sequence(typing.get_args(kind), value, path, faults)
    if isinstance(kind, typing.NewType):
        return _decode(kind.__supertype__, value, path, faults)
    if issubclass(kind, StrEnum):
        return _choice(kind, value, path, faults)
    return _record(kind, value, path, faults)


def _plain(kind: type, value: Json, path: str, faults: list[Fault]) -> object:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:  # not isinstance: true is no number
        faults.append((path, f"must be {_PLAIN[kind]}"))
    return value


def _sequence(
    items: tuple[Any, ...], value: Json, path: str, faults: list[Fault]
) -> tuple[object, ...]:
    if not isinstance(value, list):
        faults.append((path, "must be a list"))
        return ()
    if len(items) == 2 and items[1] is Ellipsis:
        kinds = (items[0],) * len(value)
    elif len(items) == len(value):
        kinds = items
    else:
        faults.append((path, f"must have {len(items)} items"))
        return ()
    return tuple(
        _decode(kind, item, _join(path, str(index)), faults)
        for index, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _choice(kind: type[StrEnum], value: Json, path: str, faults: list[Fault]) -> StrEnum | None:
    if isinstance(value, str) and value in list(kind):
        return kind(value)
    faults.append((path, f"must be one of {', '.join(kind)}"))
    return None


def _record(kind: Callable[..., object], value: Json, path: str, faults: list[Fault]) -> object:
    if not isinstance(value, dict):
        faults.append((path, "must be an object"))
        return None
    hints = typing.get_type_hints(kind)
    faults.extend(
        (_join(path, name), "is not a known field") for name in value if name not in hints
    )
    wanted = {name for name in hints if name not in _with_default(kind)}
    faults.extend(
        (_join(path, name), "is missing") for name in hints if name in wanted - set(value)
    )
    before = len(faults)
    arguments = {
        name: _decode(hint, value[name], _join(path, name), faults)
        for name, hint in hints.items()
        if name in value
    }
    complete = len(faults) == before and arguments.keys() >= wanted
    return kind(**arguments) if complete else None


def _with_default(kind: Any) -> frozenset[str]:
    """Return the fields that may be missing: what was written before there were such fields is read."""
    return frozenset(
        each.name for each in dataclasses.fields(kind) if each.default is not dataclasses.MISSING
    )


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
