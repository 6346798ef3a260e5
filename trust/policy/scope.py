# SPDX-License-Identifier: BSD-3-Clause
"""Of what a demand of the policy is asked: packages, channels, audiences.

What is not known is in doubt, so the demand is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from core.schema import Schema
from trust.policy.fields import PATTERN, listing, matching
from trust.policy.repositories import AUDIENCES, Audience

CHANNEL: Final = matching(r"[a-z][a-z0-9-]*", "a channel name like testing")

AUDIENCES_ASKED: Final = listing(
    "The audiences for which it is asked.", AUDIENCES, required=True, minlength=1
)

FIELDS: Final[Schema] = {
    "packages": listing(
        "The packages of which it is asked, as names or patterns; every package where it is not "
        "there.",
        matching(PATTERN, "a package name or a pattern of one"),
        minlength=1,
    ),
    "channels": listing(
        "The channels in which it is asked; all of them where it is not there.",
        CHANNEL,
        minlength=1,
    ),
    "audiences": AUDIENCES_ASKED,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """Of what something is asked; no channels are all channels."""

    audiences: tuple[Audience, ...]
    packages: tuple[str, ...] = ("*",)
    channels: tuple[str, ...] = ()

    def covers(
        self, package: str, *, channel: str | None = None, audience: Audience | None = None
    ) -> bool:
        """Return whether it is asked of a package; None is a channel or an audience in doubt."""
        return (
            any(fnmatchcase(package, pattern) for pattern in self.packages)
            and (channel is None or not self.channels or channel in self.channels)
            and (audience is None or audience in self.audiences)
        )


def read(entry: dict[str, Any]) -> Scope:
    """Return the scope in an entry that `FIELDS` has found valid."""
    return Scope(
        audiences=audiences(entry),
        packages=tuple(entry.get("packages", ("*",))),
        channels=tuple(entry.get("channels", ())),
    )


def audiences(entry: dict[str, Any]) -> tuple[Audience, ...]:
    """Return the audiences that an entry names."""
    return tuple(Audience(name) for name in entry["audiences"])
