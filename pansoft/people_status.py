# SPDX-License-Identifier: BSD-3-Clause
"""Who has which role by the policy, and which exceptions it makes today: a part of `pansoft trust status`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.canonical import Json
from pansoft.consent import Consent, consent_in
from trust.codec import to_json
from trust.policy import People, TrustPolicy


@dataclass(frozen=True, slots=True)
class PeopleStatus:
    """The people of the policy, and what they have said."""

    people: People
    consent: Consent


def look(folder: Path, policy: TrustPolicy, *, at: datetime) -> PeopleStatus:
    """Return who has which role, and what they said, by a policy folder at a moment."""
    return PeopleStatus(policy.people, consent_in(folder, policy, at=at))


def lines(status: PeopleStatus) -> Iterator[str]:
    """Yield the status as people read it; nothing where the policy names nobody."""
    people, said = status.people, status.consent
    for name, facility, roles in _everybody(people):
        yield f"  {name} ({facility}): {', '.join(roles)}"
    for issuer in people.issuers:
        if not issuer.keys_file.is_file():
            name = issuer.name
            yield f"    the keys of {name} are not reviewed: pansoft trust issuer {name} --update"
    for waiver in said.waivers:
        versions = ", ".join(waiver.versions)
        yield (
            f"  waived: {waiver.rule} for {waiver.package} {versions} until "
            f"{waiver.expires:%Y-%m-%d} by {', '.join(waiver.approvers)}: {waiver.reason}"
        )
    for problem in said.problems:
        yield f"  counts for nothing: {problem}"


def as_json(status: PeopleStatus) -> dict[str, Json]:
    """Return the status as programs read it."""
    people: list[Json] = [
        {"name": name, "facility": facility, "roles": list[Json](roles)}
        for name, facility, roles in _everybody(status.people)
    ]
    return {
        "people": people,
        "waivers": [to_json(waiver) for waiver in status.consent.waivers],
        "problems": [str(problem) for problem in status.consent.problems],
    }


def _everybody(people: People) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield everybody who has a role: the pipelines, the persons, the members of groups."""
    for pipeline in people.pipelines:
        yield pipeline.name, pipeline.facility, pipeline.roles
    for person in people.persons:
        yield person.name, person.facility, person.roles
    for group in people.groups:
        yield f"members of {group.name}", group.facility, group.roles
