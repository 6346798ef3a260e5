# SPDX-License-Identifier: BSD-3-Clause
"""The section `waivers`: who may let a no of one rule pass, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from core.strict_yaml import Document
from trust.policy.fields import ROLE, listing, mapping, matching, text, whole_number

SCHEMA: Final[dict[str, Any]] = mapping(
    "Waivers: who may let a no of one rule pass for named versions of a package, and for how "
    "long. Without this section no waiver counts.",
    {
        "threshold": whole_number(
            "How many different people must sign a waiver.", required=True, min=1, max=20
        ),
        "roles": listing(
            "The roles any of which a signer must have.",
            matching(ROLE, "a role like security-officer"),
            required=True,
            minlength=1,
        ),
        "facilities": whole_number(
            "How many different facilities they must be of; 1 if it is not said.", min=1, max=20
        ),
        "longest_days": whole_number(
            "How many days a waiver may last.", required=True, min=1, max=366
        ),
        "never": listing(
            "Rules that no waiver answers, besides those that can never be waived.",
            text("The id of a rule.", regex=r"[a-z][a-z0-9-]*", pattern="the id of a rule"),
        ),
    },
    required=False,
)


@dataclass(frozen=True, slots=True)
class WaiverTerms:
    """What a waiver needs so that it counts."""

    threshold: int
    roles: tuple[str, ...]
    facilities: int
    longest_days: int
    never: tuple[str, ...]


def read(document: Document) -> WaiverTerms | None:
    """Return the section of a valid document; None where no waiver counts."""
    data: Any = document.value.get("waivers")  # Any: validated against SCHEMA
    if data is None:
        return None
    return WaiverTerms(
        threshold=data["threshold"],
        roles=tuple(data["roles"]),
        facilities=data.get("facilities", 1),
        longest_days=data["longest_days"],
        never=tuple(data.get("never", ())),
    )
