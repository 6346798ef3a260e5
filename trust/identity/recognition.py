# SPDX-License-Identifier: BSD-3-Clause
"""What a verified token is worth by the policy: a pipeline, a person, a group, or nobody. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from trust.evidence import IdentityFacts
from trust.identity.tokens import Claims
from trust.policy.claims import Claim
from trust.policy.issuers import Issuer, IssuerKind
from trust.policy.people import Grant, People, Person

_TOLD = ("project_path", "ref", "ref_protected", "pipeline_source", "environment", "job_id", "sha")
"""The claims of a job that are kept as evidence; none of them is about the person."""


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person, or a member of a group, as the policy knows them."""

    by: str
    name: str
    roles: tuple[str, ...]
    facility: str


def pipeline_of(people: People, issuer: Issuer, claims: Claims) -> IdentityFacts:
    """Return the pipeline that a token is of; one that the policy does not list has no role."""
    fitting = [each for each in people.pipelines if _fits(each.issuer, each.claims, issuer, claims)]
    return IdentityFacts(
        by=f"oidc:{issuer.url}#{claims.subject}",
        name=", ".join(each.name for each in fitting) or "a pipeline that the policy does not list",
        roles=tuple(sorted({role for each in fitting for role in each.roles})),
        facility=fitting[0].facility if fitting else None,
        claims=tuple(f"{name}={value}" for name in _TOLD for value in claims.of(name)),
    )


def somebody_of(people: People, issuer: Issuer, claims: Claims, *, at: datetime) -> Somebody | None:
    """Return the person that a token is of, or the member of a group, or None for a stranger.

    Whoever is listed by name is that person and not a member of a group, so that nobody counts twice.
    """
    by = f"oidc:{issuer.url}#{_subject(issuer, claims)}"
    person = person_of(people, issuer, claims)
    if person is not None:
        return (
            Somebody(by, person.name, person.roles, person.facility)
            if person.is_current(at)
            else None
        )
    groups = [each for each in people.groups if _fits(each.issuer, each.claims, issuer, claims)]
    if not groups:
        return None
    roles = tuple(sorted({role for each in groups for role in each.roles}))
    return Somebody(
        by, f"{_subject(issuer, claims)} of {groups[0].name}", roles, groups[0].facility
    )


def person_of(people: People, issuer: Issuer, claims: Claims) -> Person | None:
    """Return the person whose login a token is, or None."""
    return next(
        (
            person
            for person in people.persons
            for login in person.logins
            if _fits(login.issuer, login.claims, issuer, claims)
        ),
        None,
    )


def misfits(people: People, issuer: Issuer, claims: Claims) -> tuple[str, ...]:
    """Return, for each entry of this issuer that a token does not fit, what it would have to say."""
    return tuple(
        f"{name}: {'; '.join(wrong)}"
        for name, wanted in _entries(people, issuer)
        if (
            wrong := [
                _wrong(claim, claims) for claim in wanted if not claim.fits(claims.of(claim.name))
            ]
        )
    )


def _entries(people: People, issuer: Issuer) -> Iterator[tuple[str, Sequence[Claim]]]:
    grants: tuple[Grant, ...] = (*people.pipelines, *people.groups)
    yield from ((each.name, each.claims) for each in grants if each.issuer == issuer.name)
    for person in people.persons:
        for login in person.logins:
            if login.issuer == issuer.name:
                yield person.name, login.claims


def _wrong(claim: Claim, claims: Claims) -> str:
    said = ", ".join(claims.of(claim.name)) or "not there"
    return f"{claim.name} is {said[:200]}, not {' or '.join(claim.values)}"


def _fits(name: str, wanted: Sequence[Claim], issuer: Issuer, claims: Claims) -> bool:
    return name == issuer.name and all(each.fits(claims.of(each.name)) for each in wanted)


def _subject(issuer: Issuer, claims: Claims) -> str:
    """Return who a token is of: a GitLab's `sub` is a branch, and the person stands beside it."""
    login = claims.of("user_login") if issuer.kind is IssuerKind.GITLAB else ()
    return login[0] if login else claims.subject
