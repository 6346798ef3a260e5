# SPDX-License-Identifier: BSD-3-Clause
"""The section `safety`: what may be executed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Any, Final

from core.problems import Problem
from core.strict_yaml import Document
from trust.policy import scope
from trust.policy.fields import (
    PATTERN,
    ROLE,
    day,
    listing,
    mapping,
    matching,
    read_day,
    text,
    whole_number,
)
from trust.policy.repositories import Audience
from trust.policy.scope import AUDIENCES_ASKED, Scope
from trust.vulnerabilities.advisories import LEVELS, Advisory, Level

_KNOWN: Final = listing(
    "What a rule that looks into images would say no to and somebody has looked at, like "
    "the test keys that a library ships for everybody.",
    {
        "type": "dict",
        "schema": {
            "rule": text(
                "The rule that is answered.",
                required=True,
                allowed=[
                    "no-secrets",
                    "no-capabilities",
                    "no-world-writable",
                    "no-foreign-programs",
                    "no-build-paths",
                    "no-dangling-links",
                ],
            ),
            "package": text(
                "The package's name, or a pattern of it.",
                required=True,
                regex=PATTERN,
                pattern="a package name or a pattern of one",
            ),
            "path": text(
                "The path in the image, or a pattern of it; `*` goes over `/` as well.",
                required=True,
                regex=r"/.*",
                pattern="a path that begins with /",
                example="/opt/venv/lib/python3.11/site-packages/tornado/test/test.key",
            ),
            "reason": text("Why it is all right.", required=True, maxlength=500),
        },
    },
)

TRAITS: Final = ("commands", "gui", "jupyter", "gpu", "mpi", "python")
"""What a package can have that asks for tests of a kind."""

TEST_KINDS: Final = ("command", "import", "gui", "notebook", "gpu", "mpi")

_SIGNING: Final = listing(
    "How many must stand behind a package: signatures of listed keys and verified approvals are "
    "counted together, each person once. Every entry that fits is asked.",
    {
        "type": "dict",
        "schema": {
            **scope.FIELDS,
            "voices": whole_number(
                "How many different ones; 1 where it is not there.", min=1, max=20
            ),
            "facilities": whole_number(
                "Of how many different facilities; 1 where it is not there.", min=1, max=20
            ),
            "roles": listing(
                "The roles of which each has at least one; any where it is not there.",
                matching(ROLE, "a role like release-manager"),
                minlength=1,
            ),
        },
    },
)

_TESTS: Final = listing(
    "Which kinds of tests a package must have passed, by what it has. Every entry that fits is asked.",
    {
        "type": "dict",
        "schema": {
            "trait": text(
                "What the package has: commands, a desktop program, a kernel of Jupyter, the need of "
                "a GPU, processes of MPI, or modules of Python.",
                required=True,
                allowed=list(TRAITS),
            ),
            "kinds": listing(
                "The kinds of which at least one test was passed; one of them is enough.",
                {"type": "string", "allowed": list(TEST_KINDS), "meta": {}},
                required=True,
                minlength=1,
            ),
            **scope.FIELDS,
        },
    },
)

_VULNERABILITIES: Final = mapping(
    "What is done about the advisories in `advisories/` beside this file, which are in the OSV format.",
    {
        "refuse_from": text(
            "How bad an advisory must be to hold a package back. One that does not say how bad it is "
            "counts as critical.",
            required=True,
            allowed=["low", "medium", "high", "critical"],
        ),
        "ignored": listing(
            "Advisories that somebody has looked at and that do no harm here.",
            {
                "type": "dict",
                "schema": {
                    "id": text("The id of the advisory.", required=True, maxlength=100),
                    "packages": listing(
                        "The packages in which it does no harm, as names or patterns.",
                        matching(PATTERN, "a package name or a pattern of one"),
                        required=True,
                        minlength=1,
                    ),
                    "reason": text("Why it does no harm.", required=True, maxlength=500),
                    "by": text("Who looked at it.", maxlength=200),
                    "until": day(
                        "The last day on which it is ignored; then somebody looks again.",
                        required=True,
                    ),
                },
            },
        ),
    },
    required=False,
)

SCHEMA: Final[dict[str, Any]] = mapping(
    "Safety of code execution.",
    {
        "bases": listing(
            "The bases that images may stand on, as names or patterns. Every base below another is "
            "asked for as well.",
            matching(PATTERN, "a base name or a pattern"),
            required=True,
            minlength=1,
        ),
        "known": _KNOWN,
        "signing": _SIGNING,
        "tests": _TESTS,
        "protected_refs": mapping(
            "Where a build must come from a branch or tag that only reviewed changes reach.",
            {
                "audiences": AUDIENCES_ASKED,
                "refs": listing(
                    "The branches and tags, as names or patterns; any protected one where it is not "
                    "there.",
                    {"type": "string", "empty": False, "meta": {}},
                    minlength=1,
                ),
            },
            required=False,
        ),
        "vulnerabilities": _VULNERABILITIES,
    },
)


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody looked at what a rule says no to, in these packages at these paths."""

    rule: str
    package: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Signing:
    """How many must stand behind the packages of a scope; no roles are any roles."""

    scope: Scope
    voices: int
    facilities: int
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequiredTests:
    """A package of the scope that has the trait must have passed a test of one of the kinds."""

    trait: str
    kinds: tuple[str, ...]
    scope: Scope


@dataclass(frozen=True, slots=True)
class ProtectedRefs:
    """For these audiences a build comes from a protected ref; no refs are any protected one."""

    audiences: tuple[Audience, ...]
    refs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ignored:
    """An advisory that does no harm in these packages, until the end of a day in UTC."""

    id: str
    packages: tuple[str, ...]
    reason: str
    until: date | None
    by: str | None = None

    def is_about(self, names: Collection[str], package: str) -> bool:
        """Return whether it speaks of an advisory, by any of its names, in a package."""
        fits = any(fnmatchcase(package, pattern) for pattern in self.packages)
        return self.id in names and fits

    def has_ended(self, at: datetime) -> bool:
        """Return whether its last day is over at a moment; one without a day never began."""
        return self.until is None or at.astimezone(UTC).date() > self.until


@dataclass(frozen=True, slots=True)
class Vulnerabilities:
    """The known vulnerabilities, from how bad on they refuse, and which of them are ignored."""

    refuse_from: Level
    ignored: tuple[Ignored, ...]
    advisories: tuple[Advisory, ...]

    def ignoring(self, names: Collection[str], package: str, at: datetime) -> Ignored | None:
        """Return what lets an advisory pass in a package at a moment; None where nothing does."""
        return next(
            (
                each
                for each in self.ignored
                if each.is_about(names, package) and not each.has_ended(at)
            ),
            None,
        )


@dataclass(frozen=True, slots=True)
class Safety:
    """What the rules of safety ask the policy; None and empty are not asked."""

    bases: tuple[str, ...]
    known: tuple[Known, ...] = ()
    signing: tuple[Signing, ...] = ()
    tests: tuple[RequiredTests, ...] = ()
    protected_refs: ProtectedRefs | None = None
    vulnerabilities: Vulnerabilities | None = None

    def is_known(self, rule: str, package: str, path: str) -> bool:
        """Return whether the policy excuses what a rule saw at a path of a package."""
        return any(
            each.rule == rule
            and fnmatchcase(package, each.package)
            and fnmatchcase(path, each.path)
            for each in self.known
        )


def read(document: Document, advisories: tuple[Advisory, ...], problems: list[Problem]) -> Safety:
    """Return the section of a valid document, with the advisories beside it; add what is wrong."""
    data: Any = document.value["safety"]  # Any: validated against SCHEMA
    return Safety(
        bases=tuple(data["bases"]),
        known=tuple(Known(**each) for each in data.get("known", ())),
        signing=tuple(_signing(each) for each in data.get("signing", ())),
        tests=tuple(
            RequiredTests(each["trait"], tuple(each["kinds"]), scope.read(each))
            for each in data.get("tests", ())
        ),
        protected_refs=_protected_refs(data.get("protected_refs")),
        vulnerabilities=_vulnerabilities(document, advisories, problems),
    )


def _signing(entry: dict[str, Any]) -> Signing:
    return Signing(
        scope=scope.read(entry),
        voices=entry.get("voices", 1),
        facilities=entry.get("facilities", 1),
        roles=tuple(entry.get("roles", ())),
    )


def _protected_refs(entry: dict[str, Any] | None) -> ProtectedRefs | None:
    if entry is None:
        return None
    return ProtectedRefs(scope.audiences(entry), tuple(entry.get("refs", ())))


def _vulnerabilities(
    document: Document, advisories: tuple[Advisory, ...], problems: list[Problem]
) -> Vulnerabilities | None:
    data: Any = document.value["safety"]  # Any: validated against SCHEMA
    entry = data.get("vulnerabilities")
    if entry is None:
        return None
    ignored = tuple(_ignored(document, entry, problems))
    return Vulnerabilities(LEVELS[entry["refuse_from"]], ignored, advisories)


def _ignored(
    document: Document, entry: dict[str, Any], problems: list[Problem]
) -> Iterator[Ignored]:
    for number, each in enumerate(entry.get("ignored", ())):
        path = ("safety", "vulnerabilities", "ignored", number, "until")
        until = read_day(document, path, each["until"], problems)
        yield Ignored(each["id"], tuple(each["packages"]), each["reason"], until, by=each.get("by"))
