# SPDX-License-Identifier: BSD-3-Clause
"""The section `release`: what comes out where and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from core.strict_yaml import Document
from trust.policy.fields import listing, mapping, matching

SCHEMA: Final[dict[str, Any]] = mapping(
    "Release planning.",
    {
        "channels": listing(
            "The channels that a version can be published in.",
            matching(r"[a-z][a-z0-9-]*", "a channel name like testing"),
            required=True,
            minlength=1,
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Release:
    """What the rules of release planning ask the policy."""

    channels: tuple[str, ...]


def read(document: Document) -> Release:
    """Return the section of a valid document."""
    data: Any = document.value["release"]  # Any: validated against SCHEMA
    return Release(channels=tuple(data["channels"]))
