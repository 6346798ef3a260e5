# SPDX-License-Identifier: BSD-3-Clause
"""Frozen dataclasses to JSON and back, strictly: an unknown, missing or wrongly typed field is an error.

A field with a default may be missing: what was signed before there was such a field stays readable,
and the default says that nobody looked.
What comes back was written elsewhere, by whoever could write the file, so nothing is guessed.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from core.canonical import Json

T = TypeVar("T")


class Undecodable(ValueError):
    """The JSON does not say what it has to; the message names the field."""


def to_json(value: Any) -> Json:  # Any: any of the values that the docstring of the module names
    """Return the JSON of a dataclass, of what dataclasses hold, or of a tuple of them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case StrEnum():
            return str(value)
        case tuple():
            return [to_json(item) for item in value]
        case None | bool() | int() | str():
            return value
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON here")


def from_json(kind: type[T], value: object, *, at: str = "") -> T:
    """Return the dataclass that `value` is the JSON of.

    Raises:
        Undecodable: with the dotted name of the field that is wrong.
    """
    decoded: T = _decode(kind, value, at or kind.__name__)
    return decoded


def _decode(kind: Any, value: object, at: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in {types.UnionType, typing.Union}:
        if value is None:
            return None
        inner = [choice for choice in typing.get_args(kind) if choice is not types.NoneType]
        return _decode(inner[0], value, at)
    if origin is tuple:
        if not isinstance(value, list):
            raise Undecodable(f"{at} must be a list")
        item = typing.get_args(kind)[0]
        return tuple(_decode(item, each, f"{at}.{n}") for n, each in enumerate(value))
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _decode_fields(kind, value, at)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if not isinstance(value, str) or value not in set(kind):
            raise Undecodable(f"{at} must be one of {', '.join(kind)}")
        return kind(value)
    if kind is datetime:
        return _decode_time(value, at)
    if type(value) is not kind:
        raise Undecodable(f"{at} must be {kind.__name__}, not {type(value).__name__}")
    return value


def _decode_fields(kind: type, value: object, at: str) -> Any:
    if not isinstance(value, Mapping):
        raise Undecodable(f"{at} must be a mapping")
    hints = _hints(kind)
    fields = dataclasses.fields(kind)
    unknown = sorted(set(value) - {field.name for field in fields})
    names = [field.name for field in fields if field.name in value]
    missing = [
        field.name
        for field in fields
        if field.name not in value and field.default is dataclasses.MISSING
    ]
    if unknown:
        raise Undecodable(f"{at} has an unknown field '{unknown[0]}'")
    if missing:
        raise Undecodable(f"{at} lacks the field '{missing[0]}'")
    return kind(**{name: _decode(hints[name], value[name], f"{at}.{name}") for name in names})


def _decode_time(value: object, at: str) -> datetime:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            if moment.tzinfo is not None:
                return moment
    raise Undecodable(f"{at} must be a time like 2026-01-31T12:00:00Z")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
