# SPDX-License-Identifier: BSD-3-Clause
"""Keys that end soon are told of in time, and those that are gone are left in peace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from pansoft.key_warnings import signer_warnings
from tests.gpg_homes import gpg_home_in
from tests.trust.cases import POLICY
from tests.trust.cases import signer as signer_of
from tests.trust.conftest import NOW
from trust.keys.agent import AgentKey
from trust.policy import Removed, Signer
from trust.programs import gnupg

pytestmark = pytest.mark.needs("gpg")

TODAY = NOW.date()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentKey]:
    """A key that ends in 30 days."""
    home = gpg_home_in(tmp_path_factory.mktemp("agent"))
    yield home.key(tmp_path_factory.mktemp("keys") / "key", home.new_key("Soon"), at=NOW)
    home.forget()


def warnings(signer: Signer, days: int) -> list[str]:
    policy = replace(POLICY, signers=(signer,))
    return list(signer_warnings(policy, at=NOW, within=timedelta(days=days)))


def listed(key: AgentKey, valid_until: date | None = None) -> Signer:
    return replace(
        signer_of(key.fingerprint, "Soon", valid_until=valid_until), key_file=key.public_file
    )


def test_a_key_is_told_of_before_it_ends(key: AgentKey) -> None:
    assert warnings(listed(key), 20) == []
    [said] = warnings(listed(key), 40)
    assert key.facts.expires is not None
    assert said.startswith(f"the key of Soon expires on {key.facts.expires:%Y-%m-%d}: ")


def test_a_day_of_the_policy_is_told_of_as_well(key: AgentKey) -> None:
    ends = TODAY + timedelta(days=5)

    [said] = warnings(listed(key, ends), 10)

    assert said.startswith(f"the policy accepts the key of Soon until {ends}: ")
    assert warnings(listed(key, ends), 2) == []


def test_who_signs_nothing_new_needs_no_new_key(key: AgentKey) -> None:
    assert warnings(replace(listed(key), disabled="stolen"), 40) == []
    assert warnings(replace(listed(key), removed=Removed(TODAY, "left")), 40) == []


def test_a_revocation_that_is_none_is_told_of(key: AgentKey, tmp_path: Path) -> None:
    gone = replace(listed(key), removed=Removed(TODAY, "lost"), revoked_key_file=key.public_file)

    assert warnings(gone, 40) == ["public.asc is not revoked, as the policy says of Soon"]
    assert not gnupg.read_key(gone.ring_file).revoked
