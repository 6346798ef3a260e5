# SPDX-License-Identifier: BSD-3-Clause
"""What comes out where and when: channels, soak time, freezes, support, versions, retirement."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.trust.cases import NOON, PLAN
from tests.trust.tables import Case
from trust.evidence import PublishedVersion, Purpose, ReleaseFacts
from trust.verdict import Outcome

OK, NO, NA = Outcome.PASSED, Outcome.REFUSED, Outcome.NOT_APPLICABLE
A_DAY = timedelta(days=1)
STABLE: dict[str, Any] = {"release": ReleaseFacts("stable", "2027-12-31")}
LOCAL: dict[str, Any] = {"repository": "x.local"}
PARTNERS: dict[str, Any] = {"repository": "partners.pan.example.org"}


def held(
    version: str = "2024.9",
    channel: str = "testing",
    days: float = 7,
    plan: str = PLAN,
    *,
    retired: bool = False,
) -> PublishedVersion:
    return PublishedVersion(version, channel, NOON - timedelta(days=days), plan, retired)


def past(*versions: PublishedVersion) -> dict[str, Any]:
    return {"history": versions}


def day(month: int, number: int, hour: int = 12) -> dict[str, Any]:
    return {"at": datetime(2026, month, number, hour, tzinfo=UTC)}


def retire(version: str = "2024.9", *, published: bool = True) -> dict[str, Any]:
    there = (held(version),) if published else ()
    return {"purpose": Purpose.RETIRE, "version": version, "history": there}


PROMOTION: Final[list[Case]] = [
    ("channel-passed", {}, NA, "asks for no channel before"),
    ("channel-passed", {**STABLE, **past(held())}, OK, "was in the channel testing"),
    ("channel-passed", {**STABLE, **past()}, NO, "has not been in the channel testing"),
    ("channel-passed", {**STABLE, "history": None}, NO, "could not be checked"),
    ("channel-passed", {**STABLE, **past(held()), "plan": None}, NO, "could not be checked"),
    ("channel-passed", {**STABLE, **past(held(plan="4" * 64))}, NO, "has not been in the channel"),
    ("channel-passed", {**STABLE, **past(held("2024.8"))}, NO, "has not been in the channel"),
    ("channel-passed", {**STABLE, **past(held(channel="stable"))}, NO, "has not been in"),
    ("channel-passed", {**STABLE, **past(held(retired=True))}, NO, "has not been in the channel"),
    ("channel-passed", {**STABLE, **past(), **LOCAL}, NA, "asks for no channel before"),
    ("channel-passed", {**STABLE, **past(), **PARTNERS}, NO, "has not been in the channel"),
    ("channel-passed", {**past(), "release": None}, NO, "has not been in the channel"),
    ("channel-passed", {**STABLE, **past(), "repository": None}, NO, "has not been in"),
    ("soak-time", {}, NA, "asks for no time in another channel"),
    ("soak-time", {**STABLE, **past(held())}, OK, "7 days in the channel before are over"),
    ("soak-time", {**STABLE, **past(held(days=6.99))}, NO, "for fewer than 7 days"),
    ("soak-time", {**STABLE, **past(held(days=-3))}, NO, "for fewer than 7 days"),
    ("soak-time", {**STABLE, **past(held(days=1), held(days=9))}, OK, "are over"),
    ("soak-time", {**STABLE, **past(held(days=90, plan="4" * 64))}, NO, "could not be checked"),
    ("soak-time", {**STABLE, **past(held("2024.8", days=90))}, NO, "could not be checked"),
    ("soak-time", {**STABLE, "history": None}, NO, "could not be checked"),
    ("soak-time", {**STABLE, **past(), **LOCAL}, NA, "asks for no time"),
]

FREEZES: Final[list[Case]] = [
    ("no-freeze", {}, OK, "no freeze on 2026-06-01"),
    ("no-freeze", day(6, 30, 23), OK, "no freeze"),
    ("no-freeze", day(7, 1, 0), NO, "run 2026-3: nothing is published from 2026-07-01 until"),
    ("no-freeze", day(7, 10, 23), NO, "users measure"),
    ("no-freeze", day(7, 11, 0), OK, "no freeze"),
    ("no-freeze", {**day(7, 5), "name": "silx"}, OK, "no freeze"),
    ("no-freeze", {**day(7, 5), **LOCAL}, OK, "no freeze"),
    ("no-freeze", {**day(7, 5), **PARTNERS}, NO, "run 2026-3"),
    ("no-freeze", {**day(7, 5), "repository": None}, NO, "run 2026-3"),
    ("no-freeze", {**day(7, 5), "release": None}, NO, "run 2026-3"),
    ("no-freeze", {**day(7, 5), "purpose": Purpose.VERIFY}, NA, "not asked to verify"),
]

SUPPORT: Final[list[Case]] = [
    ("support-date-present", {}, NA, "asks for no end of support"),
    ("support-date-present", STABLE, OK, "supported until 2027-12-31"),
    ("support-date-present", {"release": None}, NO, "could not be checked"),
    ("support-date-present", {"release": ReleaseFacts("stable", None)}, NO, "in stable"),
    ("support-date-present", {"release": ReleaseFacts("stable", None), **LOCAL}, NA, "asks for no"),
    (
        "support-date-present",
        {"release": ReleaseFacts("stable", None), "purpose": Purpose.VERIFY},
        NA,
        "not asked to verify",
    ),
]

VERSIONS: Final[list[Case]] = [
    ("version-grows", {}, OK, "newer than 2024.5"),
    ("version-grows", {"history": None}, NO, "could not be checked: which versions"),
    ("version-grows", {"release": None}, NO, "could not be checked: the channel"),
    ("version-grows", past(), OK, "the first of this channel"),
    ("version-grows", past(held("2024.10")), NO, "2024.10 is in the channel testing already"),
    ("version-grows", past(held("2024.09")), NO, "and 2024.9 is not newer"),
    ("version-grows", past(held("2024.9rc1")), OK, "newer than 2024.9rc1"),
    (
        "version-grows",
        {**past(held("2024.10")), "release": ReleaseFacts("testing", None, kept=True)},
        OK,
        "kept beside the current version",
    ),
    ("version-grows", past(held("2024.10", "stable")), OK, "the first of this channel"),
    ("version-grows", past(held("2024.10", retired=True)), NO, "2024.10 is in the channel"),
    ("version-grows", past(held("2024.9"), held("2024.10")), OK, "published in this channel"),
    ("version-grows", past(held("???")), NO, "could not be checked: whether 2024.9 is newer"),
    ("version-grows", {**past(held("2025")), "name": "legacy-x"}, NA, "older versions"),
    ("version-grows", {**past(held("2024.9")), "version": "2024.9+1"}, OK, "newer than 2024.9"),
    ("version-grows", {**past(held("r12")), "version": "r9"}, NO, "r12 is in the channel"),
]

RETIREMENT: Final[list[Case]] = [
    ("retirement-noticed", {}, NA, "not asked to publish"),
    ("retirement-noticed", retire(), OK, "announced on 2026-04-01"),
    ("retirement-noticed", {**retire(), "history": None}, NO, "could not be checked"),
    ("retirement-noticed", retire(published=False), NO, "is not published"),
    ("retirement-noticed", retire("2024.1"), NO, "there is no notice of the retirement of"),
    ("retirement-noticed", retire("2024.5"), NO, "announced 12 days before, 30 are needed"),
    ("retirement-noticed", retire("2024.7"), NO, "announced for 2026-07-01"),
    ("retirement-noticed", {**retire("2024.7"), **day(7, 1, 0)}, OK, "announced on 2026-04-01"),
    ("retirement-noticed", {**retire(), **day(5, 31, 23)}, NO, "announced for 2026-06-01"),
    ("retirement-noticed", {**retire(), "name": "silx"}, NO, "there is no notice"),
]
