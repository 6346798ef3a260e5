# SPDX-License-Identifier: BSD-3-Clause
"""The section `people`: the roles that people and pipelines can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from core.strict_yaml import Document
from trust.policy.fields import ROLE, listing, mapping, text

SCHEMA: Final[dict[str, Any]] = mapping(
    "People and pipelines: which roles there are.",
    {
        "roles": listing(
            "The roles that approvals and signatures can be asked of.",
            {
                "type": "dict",
                "schema": {
                    "name": text(
                        "The role.",
                        required=True,
                        regex=ROLE,
                        pattern="a word like release-manager",
                    ),
                    "means": text("What somebody with it answers for.", required=True),
                },
            },
        ),
    },
    required=False,
)


@dataclass(frozen=True, slots=True)
class Role:
    """A role, and what somebody with it answers for."""

    name: str
    means: str


@dataclass(frozen=True, slots=True)
class People:
    """What the policy says of people and pipelines."""

    roles: tuple[Role, ...] = ()


def read(document: Document) -> People:
    """Return the section of a valid document; nobody has a role where it is not there."""
    data: Any = document.value.get("people", {})  # Any: validated against SCHEMA
    return People(roles=tuple(Role(**each) for each in data.get("roles", ())))
