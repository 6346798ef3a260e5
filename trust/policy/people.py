# SPDX-License-Identifier: BSD-3-Clause
"""The section `people`: the roles there are, and who has them, by which token or key.

We keep no accounts. A pipeline is known by a token of its GitLab, a person by a token of an issuer
or by a PGP key, and a group of people by what an AAI says of its members. What an entry must say so
that it gives a role to no more than it means (`policy-grant-broad`):

- one of a GitLab names the project and a protected ref: any project there can have a token made
- a person of a GitLab is named in it, and started the pipeline by hand (`pipeline_source: web`)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from core.problems import Problem
from core.strict_yaml import Document, Path_
from trust.policy import claims as claims_
from trust.policy import issuers as issuers_
from trust.policy.claims import Claim
from trust.policy.fields import (
    FACILITY,
    FINGERPRINT,
    ROLE,
    day,
    flag,
    listing,
    mapping,
    matching,
    read_day,
    text,
)
from trust.policy.issuers import Issuer, IssuerKind

PUBLISHER: Final = "publisher"
"""The role of a pipeline that may publish to a repository that others read."""

TOKEN_VARIABLE: Final = "PANSOFT_ID_TOKEN"  # noqa: S105  # the name of a variable, no token
_GITLAB_PROJECT = ("project_path", "project_id")
_GITLAB_PERSON = ("user_id", "user_login")

_NAME: Final = text("As people know them.", required=True, maxlength=100)
_ROLES: Final = listing(
    "What they answer for, of the roles that `people.roles` lists.",
    matching(ROLE, "a role like release-manager"),
    required=True,
    minlength=1,
)
_FACILITY: Final = text(
    "The facility that they speak for.",
    required=True,
    regex=FACILITY,
    pattern="a short name like esrf",
)

SCHEMA: Final[dict[str, Any]] = mapping(
    "People and pipelines: which roles there are, and who has them.",
    {
        "roles": listing(
            "The roles that approvals and signatures can be asked of. `publisher` is the role of a "
            "pipeline that may publish to a repository that others read.",
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
        "token_variable": text(
            f"The environment variable that holds a pipeline's token; `{TOKEN_VARIABLE}` if it is "
            "not said.",
            regex=r"[A-Z][A-Z0-9_]*",
            pattern="the name of a variable in capitals",
        ),
        "four_eyes": flag(
            "Whether a waiver or an approval needs somebody who does not maintain the package; "
            "true if it is not said."
        ),
        "issuers": issuers_.SCHEMA,
        "pipelines": listing(
            "The pipelines that have roles, by the token of their GitLab.",
            {
                "type": "dict",
                "schema": {
                    "name": _NAME,
                    **claims_.ENTRY,
                    "roles": _ROLES,
                    "facility": _FACILITY,
                },
            },
        ),
        "persons": listing(
            "The people who have roles, each by a PGP key, by logins, or by both.",
            {
                "type": "dict",
                "schema": {
                    "name": _NAME,
                    "facility": _FACILITY,
                    "roles": _ROLES,
                    "fingerprint": text(
                        "The fingerprint of their primary PGP key.",
                        regex=FINGERPRINT,
                        pattern="40 hex digits in capitals, without spaces",
                    ),
                    "key": text(
                        "That key, a file of the folder `keys/` beside this file.",
                        regex=r"keys/[A-Za-z0-9][A-Za-z0-9._-]*\.asc",
                        pattern="like keys/NAME.asc",
                    ),
                    "logins": listing(
                        "The tokens that are theirs.", {"type": "dict", "schema": claims_.ENTRY}
                    ),
                    "valid_until": day("The last day on which they have their roles."),
                },
            },
        ),
        "groups": listing(
            "The groups whose members have roles, by what an issuer says of them.",
            {
                "type": "dict",
                "schema": {
                    "name": _NAME,
                    **claims_.ENTRY,
                    "roles": _ROLES,
                    "facility": _FACILITY,
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
class Grant:
    """Roles for whoever shows a token of an issuer with these claims."""

    name: str
    issuer: str
    claims: tuple[Claim, ...]
    roles: tuple[str, ...]
    facility: str


@dataclass(frozen=True, slots=True)
class Login:
    """A token that is a person's."""

    issuer: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with roles, known by a PGP key, by logins, or by both."""

    name: str
    facility: str
    roles: tuple[str, ...]
    fingerprint: str | None = None
    key_file: Path | None = None
    logins: tuple[Login, ...] = ()
    valid_until: date | None = None

    def is_current(self, at: datetime) -> bool:
        """Return whether they have their roles at a moment."""
        return self.valid_until is None or at.date() <= self.valid_until


@dataclass(frozen=True, slots=True)
class People:
    """What the policy says of people and pipelines."""

    roles: tuple[Role, ...] = ()
    token_variable: str = TOKEN_VARIABLE
    four_eyes: bool = True
    issuers: tuple[Issuer, ...] = ()
    pipelines: tuple[Grant, ...] = ()
    persons: tuple[Person, ...] = ()
    groups: tuple[Grant, ...] = ()

    def issuer(self, name: str) -> Issuer | None:
        """Return the issuer of this name, or None."""
        return next((each for each in self.issuers if each.name == name), None)

    def issuer_at(self, url: str) -> Issuer | None:
        """Return the issuer whose tokens name this address, or None."""
        return next((each for each in self.issuers if each.url == url), None)

    @property
    def key_files(self) -> tuple[Path, ...]:
        """Return the files that the section stands on: keys of people, reviewed keys of issuers."""
        own = [person.key_file for person in self.persons if person.key_file]
        return (*own, *(each.keys_file for each in self.issuers if each.keys_file.is_file()))


def read(document: Document, folder: Path, problems: list[Problem]) -> People:
    """Return the section of a valid document, and add what is wrong; nobody has a role without it."""
    data: Any = document.value.get("people", {})  # Any: validated against SCHEMA
    people = People(
        roles=tuple(Role(**each) for each in data.get("roles", ())),
        token_variable=data.get("token_variable", TOKEN_VARIABLE),
        four_eyes=data.get("four_eyes", True),
        issuers=issuers_.read(document, data.get("issuers", []), folder, problems),
        pipelines=tuple(_grant(each) for each in data.get("pipelines", ())),
        persons=tuple(
            _person(document, number, each, folder, problems)
            for number, each in enumerate(data.get("persons", ()))
        ),
        groups=tuple(_grant(each) for each in data.get("groups", ())),
    )
    problems.extend(_faults(document, people))
    return people


def _grant(entry: dict[str, Any]) -> Grant:
    return Grant(
        name=entry["name"],
        issuer=entry["issuer"],
        claims=claims_.read(entry["claims"]),
        roles=tuple(entry["roles"]),
        facility=entry["facility"],
    )


def _person(
    document: Document, number: int, entry: dict[str, Any], folder: Path, problems: list[Problem]
) -> Person:
    where = ("people", "persons", number, "valid_until")
    return Person(
        name=entry["name"],
        facility=entry["facility"],
        roles=tuple(entry["roles"]),
        fingerprint=entry.get("fingerprint"),
        key_file=folder / entry["key"] if "key" in entry else None,
        logins=tuple(
            Login(each["issuer"], claims_.read(each["claims"])) for each in entry.get("logins", ())
        ),
        valid_until=read_day(document, where, entry.get("valid_until"), problems),
    )


def _faults(document: Document, people: People) -> list[Problem]:
    found: list[Problem] = []

    def add(path: Path_, rule: str, message: str, hint: str) -> None:
        found.append(Problem(document.where(("people", *path)), rule, message, hint=hint))

    def check_roles(path: Path_, roles: Sequence[str]) -> None:
        known = [role.name for role in people.roles]
        for role in roles:
            if role not in known:
                hint = f"list it in `people.roles`; there {'are' if known else 'is'} " + (
                    ", ".join(known) or "none"
                )
                add((*path, "roles"), "policy-role-unknown", f"there is no role '{role}'", hint)

    def check_token(path: Path_, login: Login, *, person: bool) -> None:
        issuer = people.issuer(login.issuer)
        if issuer is None:
            add(
                (*path, "issuer"),
                "policy-issuer-unknown",
                f"there is no issuer '{login.issuer}'",
                "list it in `people.issuers`",
            )
        elif wrong := _broad(issuer, login.claims, person=person):
            add((*path, "claims"), "policy-grant-broad", wrong, "see docs/identity.md")

    for kind, grants in (("pipelines", people.pipelines), ("groups", people.groups)):
        for number, grant in enumerate(grants):
            check_roles((kind, number), grant.roles)
            check_token((kind, number), Login(grant.issuer, grant.claims), person=False)
    seen: set[str] = set()
    for number, person in enumerate(people.persons):
        path = ("persons", number)
        check_roles(path, person.roles)
        for nth, login in enumerate(person.logins):
            check_token((*path, "logins", nth), login, person=True)
        if wrong := _wrong_person(person, seen):
            add(path, "policy-person", wrong, "a person has a key with its fingerprint, or logins")
        seen |= {person.name, *([person.fingerprint] if person.fingerprint else [])}
    return found


def _broad(issuer: Issuer, claims: Sequence[Claim], *, person: bool) -> str | None:
    """Return in which way claims fit more tokens than anybody means, or None."""
    if issuer.kind is not IssuerKind.GITLAB:
        return None
    named = {claim.name: claim.values for claim in claims}
    if not any(name in named for name in _GITLAB_PROJECT):
        return f"any project of {issuer.url} fits: project_path or project_id must be named"
    if named.get("ref_protected") != ("true",):
        return "anybody who may push a branch fits: ref_protected must be true"
    if person and not any(name in named for name in _GITLAB_PERSON):
        return "everybody who starts a pipeline fits: user_id or user_login must be named"
    if person and named.get("pipeline_source") != ("web",):
        return "a schedule or a push of theirs fits as well: pipeline_source must be web"
    return None


def _wrong_person(person: Person, seen: set[str]) -> str | None:
    if person.name in seen:
        return f"'{person.name}' is listed a second time"
    if (person.fingerprint is None) != (person.key_file is None):
        return f"'{person.name}' has a key without its fingerprint, or the other way round"
    if person.fingerprint in seen:
        return f"the key of '{person.name}' is listed as somebody else's as well"
    if person.key_file is not None and not person.key_file.is_file():
        return f"the key of '{person.name}' is not there: {person.key_file.name}"
    if person.fingerprint is None and not person.logins:
        return f"nobody can show that they are '{person.name}'"
    return None
