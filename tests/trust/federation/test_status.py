# SPDX-License-Identifier: BSD-3-Clause
"""How the federation stands, and when somebody is alarmed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.federations import NOW
from tests.trust.federation.ceremonies import ESRF_LIST, ONLINE, SEATS, founded, with_esrf
from trust.federation import ceremony, online
from trust.federation.online import Keys
from trust.federation.rules import charter_of
from trust.federation.settings import Settings
from trust.federation.status import Status, status_of


def status(folder: Path, *, days: float = 0, warn: float = 30) -> Status:
    agreed = with_esrf(folder)
    files = online.refresh(
        agreed,
        Settings(is_coordinator=True),
        before={},
        own={},
        gathered={},
        keys=Keys(ONLINE, {"esrf": ESRF_LIST}),
        at=NOW,
    ).files
    return status_of(
        agreed, None, published=files, at=NOW + timedelta(days=days), warn=timedelta(days=warn)
    )


@pytest.mark.parametrize(
    ("days", "alarms"),
    [
        (1.9, ()),
        (2.1, ("timestamp 1 expires on 2026-11-25: pansoft apply",)),
        (4, ("timestamp 1 has expired on 2026-11-25",)),
        (
            13.5,
            (
                "snapshot 1 expires on 2026-12-06: pansoft apply",
                "timestamp 1 has expired on 2026-11-25",
            ),
        ),
    ],
)
def test_what_the_pipeline_signs_alarms_a_day_ahead(
    tmp_path: Path, days: float, alarms: tuple[str, ...]
) -> None:
    assert status(tmp_path / "federation", days=days).alarms == alarms


def test_what_people_sign_alarms_as_early_as_they_want(tmp_path: Path) -> None:
    found = status(tmp_path / "federation", days=340, warn=30).alarms

    assert "root 1 expires on 2027-11-22: pansoft trust rotate --renew" in found
    assert "targets 2 expires on 2027-11-22: pansoft trust rotate --renew" in found
    assert "core 1 has expired on 2027-05-21" in found
    assert not [each for each in status(tmp_path / "other", days=200).alarms if "root" in each]


def test_each_role_says_who_holds_it_and_until_when_it_counts(tmp_path: Path) -> None:
    roles = {role.role: role for role in status(tmp_path / "federation").roles}

    assert [each.facility for each in roles["root"].holders] == ["DESY", "ESRF", "ILL"]
    assert (roles["esrf"].version, roles["esrf"].expires) == (1, NOW + timedelta(days=90))
    assert roles["timestamp"].holders[0].key == ONLINE.public_key.keyid


def test_too_few_keys_are_advised_against(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation", threshold=3)

    found = status_of(agreed, None, published={}, at=NOW, warn=timedelta(days=30))

    assert found.alarms == ()
    assert [each.partition(":")[0] for each in found.advice] == ["root"]
    assert "all 3 keys have to sign, so one that is lost ends it" in found.advice[0]


def test_what_waits_is_shown_with_whose_signature(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation")
    proposal = ceremony.propose(agreed, charter_of(agreed), at=NOW, why="renewal", renew=True)
    half = ceremony.sign(agreed, proposal, SEATS["ILL"], expect=proposal.id, at=NOW)

    found = status_of(agreed, half, published={}, at=NOW, warn=timedelta(days=30))

    assert found.proposal == proposal.id
    assert [(need.role, need.by, need.signed) for need in found.needs] == [
        ("root", "root 1", ("ILL",)),
        ("root", "root 2", ("ILL",)),
        ("targets", "root 2", ("ILL",)),
    ]
