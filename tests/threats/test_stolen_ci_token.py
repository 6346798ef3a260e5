# SPDX-License-Identifier: BSD-3-Clause
"""Stolen CI token: somebody has the identity token of a job that publishes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builder.state import State
from core.errors import Refused
from tests.oidc_issuer import NOON, OidcIssuer
from tests.pansoft.test_identity import PUBLIC, issuer, policy, project, publisher, secret, state
from tests.trust.cases import EVIDENCE, KEY
from trust.evidence import Evidence, IdentityFacts, Purpose
from trust.judge import judge
from trust.policy import TrustPolicy

__all__ = ["issuer", "policy", "project", "state"]


def test_stolen_ci_token(
    policy: TrustPolicy, state: State, issuer: OidcIssuer, tmp_path: Path
) -> None:
    """It is a proof of who asks, and nothing is published without the signature of a listed key."""
    thief = publisher(policy, state, file=secret(tmp_path, issuer.gitlab()))

    refusals = _refusals(policy, thief, fingerprint="E" * 40)

    assert "publisher-allowed" not in refusals
    assert f"does not list the key {'E' * 40}" in refusals["signer-trusted"]


@pytest.mark.parametrize(
    ("changed", "after", "reason"),
    [
        ({}, timedelta(hours=2), "expired"),
        ({"aud": "vault"}, timedelta(), "for the audience 'vault'"),
    ],
    ids=["used later", "made for another service"],
)
def test_stolen_ci_token_is_worth_little_for_long(
    policy: TrustPolicy,
    state: State,
    issuer: OidcIssuer,
    tmp_path: Path,
    changed: dict[str, Any],
    after: timedelta,
    reason: str,
) -> None:
    with pytest.raises(Refused, match=reason):
        publisher(policy, state, file=secret(tmp_path, issuer.gitlab(**changed)), after=after)


@pytest.mark.parametrize(
    "claims",
    [
        {"ref": "topic", "ref_protected": "false"},
        {"project_path": "somebody/fork"},
        {"ref": "other", "ref_protected": "true"},
    ],
    ids=["of a branch", "of a fork", "of another protected branch"],
)
def test_stolen_ci_token_of_another_job_publishes_nothing(
    policy: TrustPolicy,
    state: State,
    issuer: OidcIssuer,
    tmp_path: Path,
    claims: dict[str, Any],
) -> None:
    thief = publisher(policy, state, file=secret(tmp_path, issuer.gitlab(**claims)))

    assert "publisher-allowed" in _refusals(policy, thief, fingerprint=KEY)


def _refusals(
    policy: TrustPolicy, who: IdentityFacts | None, *, fingerprint: str
) -> dict[str, str]:
    """Return which rules refuse to publish an image that is right in all else, and why."""
    assert EVIDENCE.signer is not None
    evidence: Evidence = replace(
        EVIDENCE,
        purpose=Purpose.PUBLISH,
        repository=PUBLIC,
        publisher=who,
        signer=replace(EVIDENCE.signer, fingerprint=fingerprint),
    )
    return {each.rule: each.message for each in judge(policy, evidence, at=NOON).refusals}
