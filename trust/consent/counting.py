# SPDX-License-Identifier: BSD-3-Clause
"""Whether those who have signed are enough, what is still missing, and who could give it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trust.consent.voices import Voice
from trust.policy import Origin, TrustPolicy


@dataclass(frozen=True, slots=True)
class Needed:
    """How many different people, with any of which roles, of how many facilities, must have signed.

    `authors` are those who look after the package: with four eyes somebody else must be among them.
    """

    threshold: int
    roles: tuple[str, ...]
    facilities: int
    authors: tuple[str, ...] = ()
    four_eyes: bool = True


def counting(voices: Sequence[Voice], needed: Needed) -> tuple[Voice, ...]:
    """Return those whose role counts."""
    return tuple(each for each in voices if not set(needed.roles).isdisjoint(each.roles))


def lacking(voices: Sequence[Voice], needed: Needed) -> tuple[str, ...]:
    """Return what is still missing, in words; nothing where they are enough."""
    return tuple(_lacking(counting(voices, needed), needed))


def _lacking(voices: Sequence[Voice], needed: Needed) -> Iterator[str]:
    roles = " or ".join(needed.roles)
    people = len({each.name for each in voices})
    if people < needed.threshold:
        yield f"{needed.threshold} signatures by {roles} are needed, there are {people}"
    facilities = {each.facility for each in voices}
    if len(facilities) < needed.facilities:
        there = f", all are of {', '.join(sorted(facilities))}" if facilities else ""
        yield f"signers of {needed.facilities} facilities are needed{there}"
    if needed.four_eyes and voices and all(is_author(each.name, needed.authors) for each in voices):
        names = ", ".join(each.name for each in voices)
        yield f"only {names} signed, who looks after the package: somebody else must as well"


def who_could(voices: Sequence[Voice], needed: Needed, policy: TrustPolicy) -> tuple[str, ...]:
    """Return who else has a role that counts, each with their facility; for `must still sign`."""
    people = [(each.name, each.facility, each.roles) for each in policy.people.persons]
    groups = [(f"a member of {g.name}", g.facility, g.roles) for g in policy.people.groups]
    signers = [
        (each.name, each.facility, each.roles)
        for each in policy.signers
        if each.origin is Origin.PROJECT and each.disabled is None and each.removed is None
        if each.facility is not None
    ]
    done = {each.name for each in voices}
    able = [
        f"{name} ({facility})"
        for name, facility, roles in (*people, *signers, *groups)
        if name not in done and not set(needed.roles).isdisjoint(roles)
    ]
    return tuple(dict.fromkeys(able))


def is_author(name: str, authors: Sequence[str]) -> bool:
    """Return whether a name is one of the package's own people, whatever its capitals."""
    return name.strip().casefold() in {each.strip().casefold() for each in authors}
