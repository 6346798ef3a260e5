# SPDX-License-Identifier: BSD-3-Clause
"""The section `licensing`: what may be handed to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from core.strict_yaml import Document
from trust.policy.fields import DAY, listing, mapping, matching, text
from trust.policy.repositories import AUDIENCES, Audience

RIGHTS: Final = ("allowed", "partners", "forbidden")
"""What a recipe can say of redistribution."""

_LICENCES: Final = matching(
    r"[A-Za-z0-9.+:*-]+", "an SPDX identifier, a LicenseRef- or a pattern of them"
)

_REVIEW: Final = {
    "package": text("The package's name.", required=True),
    "licence": text("The SPDX identifier or LicenseRef-.", required=True),
    "by": text("Who read it.", required=True),
    "on": text("When.", required=True, regex=DAY, pattern="a day"),
    "reason": text("Why it is all right.", required=True, maxlength=500),
}

SCHEMA: Final[dict[str, Any]] = mapping(
    "Licensing.",
    {
        "allow": listing("Licences that need no further thought.", _LICENCES, required=True),
        "review": listing(
            "Licences that somebody must have read for the very package; see `reviewed`.",
            _LICENCES,
            required=True,
        ),
        "deny": listing("Licences that are never accepted.", _LICENCES, required=True),
        "reviewed": listing(
            "The reviews: this package may have this licence of the `review` list.",
            {"type": "dict", "schema": _REVIEW},
            required=True,
        ),
        "redistribution": mapping(
            "Which audiences a package may be given to, by the right that its recipe states.",
            {
                right: listing(
                    f"Audiences for packages whose recipe says `{right}`.", AUDIENCES, required=True
                )
                for right in RIGHTS
            },
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Review:
    """Somebody read this licence for this package."""

    package: str
    licence: str
    by: str
    on: str
    reason: str


@dataclass(frozen=True, slots=True)
class Licensing:
    """What the rules of licensing ask the policy."""

    allow: tuple[str, ...]
    review: tuple[str, ...]
    deny: tuple[str, ...]
    reviewed: tuple[Review, ...]
    redistribution: tuple[tuple[str, tuple[Audience, ...]], ...]


def read(document: Document) -> Licensing:
    """Return the section of a valid document."""
    data: Any = document.value["licensing"]  # Any: validated against SCHEMA
    return Licensing(
        allow=tuple(data["allow"]),
        review=tuple(data["review"]),
        deny=tuple(data["deny"]),
        reviewed=tuple(Review(**each) for each in data["reviewed"]),
        redistribution=tuple(
            (right, tuple(Audience(name) for name in audiences))
            for right, audiences in data["redistribution"].items()
        ),
    )
