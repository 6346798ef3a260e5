# SPDX-License-Identifier: BSD-3-Clause
"""The section `repositories`: where packages may be published, and who can read it there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

from core.strict_yaml import Document
from trust.policy.fields import PATTERN, listing, one_of, text


class Audience(StrEnum):
    """Who can read a repository."""

    PUBLIC = "public"
    PARTNERS = "partners"
    SITE = "site"
    LOCAL = "local"


AUDIENCES: Final = one_of(*Audience)
"""The rules of an item that is an audience."""

SCHEMA: Final[dict[str, Any]] = listing(
    "The repositories that may be published to, and who can read each. The first pattern "
    "that fits decides; one that none fits is refused.",
    {
        "type": "dict",
        "schema": {
            "name": text(
                "The fully qualified repository name, or a pattern of it.",
                required=True,
                regex=PATTERN,
                pattern="a repository name or a pattern of one",
                example="software.pan.example.org",
            ),
            "audience": {
                **AUDIENCES,
                "required": True,
                "meta": {
                    "description": "Who can read it: everybody; the partner facilities; one "
                    "site; or nobody but this machine (`local`), where a local key may sign."
                },
            },
        },
    },
    required=True,
    minlength=1,
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository name or pattern, and who can read it."""

    pattern: str
    audience: Audience


def read(document: Document) -> tuple[Repository, ...]:
    """Return the repositories of a valid document."""
    entries: Any = document.value["repositories"]  # Any: validated against SCHEMA
    return tuple(Repository(each["name"], Audience(each["audience"])) for each in entries)


def audience_of(repositories: tuple[Repository, ...], name: str) -> Audience | None:
    """Return who can read a repository, or None for one that is not known."""
    for known in repositories:
        if fnmatchcase(name, known.pattern):
            return known.audience
    return None
