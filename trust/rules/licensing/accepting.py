# SPDX-License-Identifier: BSD-3-Clause
"""How an expression is taken: what the policy's lists have against each licence, and one way around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeAlias

from trust.licences import choices
from trust.policy import Exceptions, Licensing

Objection: TypeAlias = Callable[[str], str | None]
"""What stands against one licence with its exception, `A` or `A WITH B`; None is nothing."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A way to take an expression, the licences in order; none of it where `objections` tell why."""

    way: tuple[str, ...]
    objections: tuple[str, ...] = ()


def take(expression: str, objection: Objection) -> Taken:
    """Return the first way of which no part is objected to, or all that is objected to."""
    found: dict[str, None] = {}
    for way in choices(expression):
        against = [(licence, objection(licence)) for licence in sorted(way)]
        if not any(said for _, said in against):
            return Taken(tuple(licence for licence, _ in against))
        found |= dict.fromkeys(said for _, said in against if said is not None)
    return Taken((), tuple(found))


def denied(policy: Licensing, licence: str) -> str | None:
    """Return how the policy denies a licence or its exception, whatever was reviewed; None if not."""
    name, _, exception = licence.partition(" WITH ")
    if listed(name, policy.deny):
        return f"{name} is denied"
    return _against_exception(policy.exceptions, exception) if exception else None


def _against_exception(exceptions: Exceptions, name: str) -> str | None:
    if listed(name, exceptions.deny):
        return f"the exception {name} is denied"
    if not listed(name, exceptions.allow):
        return f"the exception {name} is on no list of the policy"
    return None


def listed(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a pattern is about a name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
