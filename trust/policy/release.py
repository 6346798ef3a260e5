# SPDX-License-Identifier: BSD-3-Clause
"""The section `release`: what comes out where and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
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
from trust.policy.scope import CHANNEL, Scope

_DAYS: Final = 3650

_PROMOTION: Final = listing(
    "Which channel a version must have been in before it comes into another one, built from the same "
    "plan. Every entry that fits is asked.",
    {
        "type": "dict",
        "schema": {
            "after": {
                **CHANNEL,
                "required": True,
                "meta": {
                    "description": "The channel it must have been in.",
                    "pattern": "a channel name like testing",
                },
            },
            "soak_days": whole_number(
                "For how many days it must have been there, whole ones; none where it is not there.",
                min=0,
                max=_DAYS,
            ),
            **scope.FIELDS,
        },
    },
)

_FREEZES: Final = listing(
    "Days on which nothing is published, like those of a beam-time run.",
    {
        "type": "dict",
        "schema": {
            "name": text("What it is called.", required=True, maxlength=100, example="run 2027-1"),
            "from": day("The first day of it.", required=True),
            "until": day("The last day of it.", required=True),
            "reason": text("Why.", required=True, maxlength=500),
            **scope.FIELDS,
        },
    },
)

_APPROVALS: Final = listing(
    "Whose approval a publication needs. Every entry that fits is asked.",
    {
        "type": "dict",
        "schema": {
            "role": text(
                "The role that those who approve must have.",
                required=True,
                regex=ROLE,
                pattern="a role like beamline-scientist",
            ),
            "people": whole_number(
                "How many different ones; 1 where it is not there.", min=1, max=20
            ),
            "facilities": whole_number(
                "Of how many different facilities; 1 where it is not there.", min=1, max=20
            ),
            **scope.FIELDS,
        },
    },
)

_RETIREMENTS: Final = listing(
    "The notices: these versions are taken out of use on a day.",
    {
        "type": "dict",
        "schema": {
            "package": text(
                "The package's name.",
                required=True,
                regex=r"[a-z0-9][a-z0-9+.-]*",
                pattern="a name",
            ),
            "versions": listing(
                "Its versions, exactly.",
                {"type": "string", "empty": False, "meta": {}},
                required=True,
                minlength=1,
            ),
            "announced": day("The day on which this notice was published.", required=True),
            "on": day("The first day on which they may be taken out of use.", required=True),
            "reason": text("Why, and what to use instead.", required=True, maxlength=500),
        },
    },
)

SCHEMA: Final[dict[str, Any]] = mapping(
    "Release planning.",
    {
        "channels": listing(
            "The channels that a version can be published in.",
            CHANNEL,
            required=True,
            minlength=1,
        ),
        "promotion": _PROMOTION,
        "freezes": _FREEZES,
        "approvals": _APPROVALS,
        "support": listing(
            "Where a recipe must say until when the version is supported.",
            {"type": "dict", "schema": {**scope.FIELDS}},
        ),
        "retirement_notice_days": whole_number(
            "How many days there must be between the notice and the retirement of a version; without "
            "this, nothing is retired.",
            min=0,
            max=_DAYS,
        ),
        "retirements": _RETIREMENTS,
        "may_go_back": listing(
            "The packages, as names or patterns, of which an older version may be published after a "
            "newer one; of others a version must grow.",
            matching(PATTERN, "a package name or a pattern of one"),
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Promotion:
    """A version of the scope was in a channel before, for so many days."""

    after: str
    soak_days: int
    scope: Scope


@dataclass(frozen=True, slots=True)
class Freeze:
    """Days, whole ones in UTC, on which nothing of the scope is published."""

    name: str
    begin: date
    end: date
    reason: str
    scope: Scope

    def holds(self, at: datetime) -> bool:
        """Return whether a moment is within its days."""
        return self.begin <= at.astimezone(UTC).date() <= self.end


@dataclass(frozen=True, slots=True)
class Approvals:
    """So many people with the role, of so many facilities, approve what is published of the scope."""

    role: str
    people: int
    facilities: int
    scope: Scope


@dataclass(frozen=True, slots=True)
class Retirement:
    """A notice: these versions may be taken out of use from a day on."""

    package: str
    versions: tuple[str, ...]
    announced: date
    on: date
    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    """What the rules of release planning ask the policy; None and empty are not asked."""

    channels: tuple[str, ...]
    promotion: tuple[Promotion, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    approvals: tuple[Approvals, ...] = ()
    support: tuple[Scope, ...] = ()
    retirement_notice_days: int | None = None
    retirements: tuple[Retirement, ...] = ()
    may_go_back: tuple[str, ...] = ()


def read(document: Document, problems: list[Problem]) -> Release:
    """Return the section of a valid document, and add what is wrong with its days and channels."""
    data: Any = document.value["release"]  # Any: validated against SCHEMA
    _check_channels(document, problems)
    return Release(
        channels=tuple(data["channels"]),
        promotion=tuple(
            Promotion(each["after"], each.get("soak_days", 0), scope.read(each))
            for each in data.get("promotion", ())
        ),
        freezes=tuple(_freezes(document, problems)),
        approvals=tuple(
            Approvals(
                each["role"], each.get("people", 1), each.get("facilities", 1), scope.read(each)
            )
            for each in data.get("approvals", ())
        ),
        support=tuple(scope.read(each) for each in data.get("support", ())),
        retirement_notice_days=data.get("retirement_notice_days"),
        retirements=tuple(_retirements(document, problems)),
        may_go_back=tuple(data.get("may_go_back", ())),
    )


def _freezes(document: Document, problems: list[Problem]) -> Iterator[Freeze]:
    for number, each in enumerate(_entries(document, "freezes")):
        path = ("release", "freezes", number)
        days = _days(document, path, each, ("from", "until"), problems)
        if days is not None:
            yield Freeze(each["name"], *days, each["reason"], scope.read(each))


def _retirements(document: Document, problems: list[Problem]) -> Iterator[Retirement]:
    for number, each in enumerate(_entries(document, "retirements")):
        path = ("release", "retirements", number)
        days = _days(document, path, each, ("announced", "on"), problems)
        if days is not None:
            yield Retirement(each["package"], tuple(each["versions"]), *days, each["reason"])


def _entries(document: Document, field: str) -> list[dict[str, Any]]:
    data: Any = document.value["release"]  # Any: validated against SCHEMA
    return list(data.get(field, ()))


def _days(
    document: Document,
    path: tuple[str | int, ...],
    entry: dict[str, Any],
    fields: tuple[str, str],
    problems: list[Problem],
) -> tuple[date, date] | None:
    """Return two days of an entry, of which the second is no earlier than the first."""
    begin, end = (read_day(document, (*path, name), entry[name], problems) for name in fields)
    if begin is None or end is None:
        return None
    if end < begin:
        problems.append(
            Problem(
                document.where((*path, fields[1])),
                "policy-days-order",
                f"'{fields[1]}' ({end}) is before '{fields[0]}' ({begin})",
                hint="give the first day and then the last one",
            )
        )
        return None
    return begin, end


def _check_channels(document: Document, problems: list[Problem]) -> None:
    """Report a demand in a channel that there is not: it would never be asked."""
    data: Any = document.value["release"]  # Any: validated against SCHEMA
    for field in ("promotion", "freezes", "approvals", "support"):
        for number, entry in enumerate(data.get(field, ())):
            named = [*entry.get("channels", ()), *([entry["after"]] if "after" in entry else [])]
            for channel in named:
                if channel not in data["channels"]:
                    problems.append(
                        Problem(
                            document.where(("release", field, number)),
                            "policy-channel",
                            f"there is no channel {channel}",
                            hint=f"known are: {', '.join(data['channels'])}",
                        )
                    )
