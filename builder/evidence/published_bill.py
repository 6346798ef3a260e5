# SPDX-License-Identifier: BSD-3-Clause
"""The components of an image, read back from its published bill of materials (CycloneDX 1.6, JSON).

What is read was signed with the image. Its form is checked all the same: a bill that cannot be read has
no components that anybody could be told of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from core.errors import UserError
from trust.evidence import Component

SOURCE_PROPERTY = "pansoft:source-package"


def components_of(bill: bytes, *, shown_as: str) -> tuple[Component, ...]:
    """Return what a bill lists: package URL, name, version and source package of each component.

    Raises:
        UserError: it is no such bill.
    """
    try:
        data = json.loads(bill)
        return tuple(_component(each) for each in data["components"])
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise UserError(
            f"{shown_as} is no bill of materials that can be read",
            hint="look at what is published with: pansoft repo check",
        ) from err


def _component(each: Mapping[str, Any]) -> Component:
    name, version, purl = (_text(each[field]) for field in ("name", "version", "purl"))
    return Component(purl, name, version, source=next(_sources(each), None))


def _sources(each: Mapping[str, Any]) -> Iterator[str]:
    for one in each.get("properties", ()):
        if one["name"] == SOURCE_PROPERTY:
            yield _text(one["value"])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
