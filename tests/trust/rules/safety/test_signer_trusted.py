# SPDX-License-Identifier: BSD-3-Clause
"""A signer who is gone signs nothing new; of what is old, the policy says what stays accepted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trust.cases import (
    ESRF_KEY,
    EVIDENCE,
    GONE_KEY,
    KEY,
    LEFT_KEY,
    LOCAL_KEY,
    LOST_KEY,
    NOON,
    POLICY,
    SIGNER,
)
from trust.evidence import Evidence, Purpose
from trust.judge import judge
from trust.policy.signers import Removed
from trust.rules.safety import signer_trusted
from trust.rules.standing import objection
from trust.verdict import Outcome

MAY_9 = datetime(2026, 5, 9, 23, 59, 59, tzinfo=UTC)
MAY_10 = datetime(2026, 5, 10, tzinfo=UTC)


def old(fingerprint: str, witnessed: datetime | None, *also: str) -> Evidence:
    """Return the evidence of something that the key has signed, and those of `also` as well."""
    return replace(
        EVIDENCE,
        purpose=Purpose.VERIFY,
        signer=replace(SIGNER, fingerprint=fingerprint),
        signers=tuple(replace(SIGNER, fingerprint=each) for each in (fingerprint, *also)),
        witnessed=witnessed,
    )


def answer(evidence: Evidence) -> tuple[Outcome, str]:
    [found] = judge(POLICY, evidence, at=NOON, rules=[signer_trusted.RULE]).findings
    return found.outcome, found.message


@pytest.mark.parametrize(
    ("evidence", "accepted", "message"),
    [
        (old(GONE_KEY, MAY_9), True, "published on 2026-05-09, before 2026-05-10"),
        (old(GONE_KEY, MAY_10), False, "only what was published before 2026-05-10 is accepted"),
        (old(GONE_KEY, None), False, "when it was published is not known"),
        (old(LOST_KEY, MAY_9), False, "nothing that the key has signed is accepted"),
        (old(LOST_KEY, None), False, "Lost is removed since 2026-05-20: the card was stolen"),
        (old(LOST_KEY, None, KEY), True, "Release has signed it as well"),
        (old(GONE_KEY, MAY_10, ESRF_KEY), True, "ESRF has signed it as well"),
        (old(LOST_KEY, MAY_9, GONE_KEY), False, "nothing that the key has signed"),
        (old(LOST_KEY, MAY_9, LEFT_KEY), False, "nothing that the key has signed"),
        (old(LOST_KEY, MAY_9, LOCAL_KEY), False, "nothing that the key has signed"),
        (old(LOST_KEY, MAY_9, "E" * 40), False, "nothing that the key has signed"),
        (replace(old(LOST_KEY, None, ESRF_KEY), name="silx"), False, "nothing that the key"),
        (replace(old(GONE_KEY, MAY_9), signers=None), True, "published on 2026-05-09"),
    ],
    ids=[
        *("before the day", "on the day", "no witness", "no day at all", "no day, no witness"),
        *("vouched for", "vouched for, late", "by a removed one", "by a disabled one"),
        *("by a local key", "by an unknown key", "for other packages", "no list of signers"),
    ],
)
def test_old_releases_of_a_removed_signer(evidence: Evidence, accepted: bool, message: str) -> None:
    outcome, said = answer(evidence)

    assert (outcome is Outcome.PASSED) is accepted
    assert message in said


@pytest.mark.parametrize("purpose", [Purpose.SIGN, Purpose.PUBLISH])
@pytest.mark.parametrize("fingerprint", [GONE_KEY, LOST_KEY])
def test_a_removed_signer_makes_no_new_release_whatever_speaks_for_it(
    purpose: Purpose, fingerprint: str
) -> None:
    evidence = replace(old(fingerprint, MAY_9, KEY, ESRF_KEY), purpose=purpose)

    outcome, said = answer(evidence)

    assert outcome is Outcome.REFUSED
    assert "is removed since 2026-05-20" in said


def test_a_removed_signer_stands_behind_nothing_of_others() -> None:
    seen = replace(SIGNER, fingerprint=GONE_KEY)

    said = objection(POLICY, seen, "pyfai", NOON)

    assert said is not None
    assert "is removed" in said.message


@given(
    day=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    witnessed=st.none() | st.datetimes(timezones=st.just(UTC)),
)
def test_only_what_was_seen_before_the_day_is_accepted(
    day: date, witnessed: datetime | None
) -> None:
    begins = datetime.combine(day, time(), UTC)

    assert Removed(day, "gone", day).accepts(witnessed) is bool(witnessed and witnessed < begins)
    assert not Removed(day, "gone").accepts(witnessed)
    assert Removed(day, "gone", day).accepts(begins - timedelta(microseconds=1))


@given(missing=st.sets(st.sampled_from(["signer", "signers", "witnessed"]), min_size=1))
def test_taking_evidence_away_never_brings_a_removed_signer_back(missing: set[str]) -> None:
    nothing: dict[str, Any] = dict.fromkeys(missing)
    for refused in (old(GONE_KEY, MAY_10), old(LOST_KEY, MAY_9, GONE_KEY)):
        assert answer(replace(refused, **nothing))[0] is Outcome.REFUSED
