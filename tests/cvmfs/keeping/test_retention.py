# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cvmfs.format.hashes import ContentHash
from cvmfs.format.history import Tag
from cvmfs.keeping.retention import Retention, expired

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
HOURS_AGO = (2000, 1500, 900, 880, 600, 200, 170, 60, 50, 40, 30, 20, 10, 1)
"""When revisions 1 to 14 were published."""


def tag(name: str, revision: int) -> Tag:
    """Return a tag of one of the revisions."""
    time = NOW - timedelta(hours=HOURS_AGO[revision - 1])
    return Tag(name, ContentHash(f"{revision:040x}"), revision, int(time.timestamp()), "", 0)


GENERIC = [tag(f"generic-{number}", number) for number in range(1, 15)]
TAGS = [*GENERIC, tag("trunk", 14), tag("trunk-previous", 13)]


def kept(rules: Retention, tags: list[Tag] = TAGS) -> list[int]:
    """Return the revisions whose generic tag stays."""
    gone = {old.revision for old in expired(tags, rules, at=NOW)}
    return [number for number in range(1, 15) if number not in gone]


@pytest.mark.parametrize(
    ("rules", "revisions"),
    [
        (Retention(), list(range(1, 15))),
        (Retention(last=1), [13, 14]),
        (Retention(last=3), [12, 13, 14]),
        (Retention(last=99), list(range(1, 15))),
        # Tuesday 31 March: 13, 14; Monday: 11, 12; Sunday: 8 to 10; then 24 March: 7
        (Retention(daily=1), [13, 14]),
        (Retention(daily=3), [10, 12, 13, 14]),
        (Retention(daily=4), [7, 10, 12, 13, 14]),
        (Retention(weekly=2), [10, 13, 14]),
        (Retention(weekly=3), [5, 10, 13, 14]),
        (Retention(monthly=2), [4, 13, 14]),
        (Retention(monthly=9), [2, 4, 13, 14]),
        (Retention(within=timedelta(hours=30)), [11, 12, 13, 14]),
        (Retention(last=1, monthly=2, within=timedelta(hours=10)), [4, 13, 14]),
    ],
    ids=str,
)
def test_rules_keep_the_newest_of_each_period(rules: Retention, revisions: list[int]) -> None:
    assert kept(rules) == revisions


def test_revision_with_another_name_keeps_its_own() -> None:
    tags = [*TAGS, tag("summer", 2)]

    assert kept(Retention(last=1), tags) == [2, 13, 14]
    assert all(old.is_generic for old in expired(tags, Retention(last=1), at=NOW))


def test_the_oldest_go_first_and_the_order_of_tags_does_not_matter() -> None:
    gone = expired(TAGS, Retention(last=2), at=NOW)

    assert [old.revision for old in gone] == list(range(1, 13))
    assert expired(TAGS[::-1], Retention(last=2), at=NOW) == gone


def test_the_current_revision_stays_whatever_the_rules() -> None:
    assert 14 in kept(Retention(within=timedelta(0)))
