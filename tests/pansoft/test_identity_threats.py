# SPDX-License-Identifier: BSD-3-Clause
"""The threats of docs/trust.md that are about people and pipelines, each from the attacker's chair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from builder.state import State
from core.errors import Refused
from pansoft import consent, identity
from tests.oidc_issuer import NOON, OidcIssuer, oidc_issuer
from tests.policies import policy_with
from tests.trust.cases import EVIDENCE, LOCAL_KEY, POLICY, SIGNER
from tests.trust.people import PEOPLE, World, approval, waiver
from trust.evidence import Evidence
from trust.judge import judge
from trust.policy import check_policy, load_policy
from trust.verdict import Verdict

PUBLIC = "software.pan.example.org"
CLAIMS: dict[str, Any] = {
    "project_path": "pan/recipes",
    "ref": "main",
    "ref_protected": True,
    "pipeline_source": ["push", "web"],
}


@pytest.fixture
def gitlab() -> Iterator[OidcIssuer]:
    with oidc_issuer() as running:
        yield running


class Pipeline:
    """A job with a token, before the policy of a public repository."""

    def __init__(self, folder: Path, gitlab: OidcIssuer) -> None:
        self.folder = folder
        issuers = [{**PEOPLE["issuers"][0], "url": gitlab.url}]
        pipeline = {
            "name": "release pipeline",
            "issuer": "gitlab",
            "claims": CLAIMS,
            "roles": ["publisher"],
            "facility": "esrf",
        }
        policy_with(
            folder / "trust-policy",
            repositories=[{"name": PUBLIC, "audience": "public"}],
            people={"roles": PEOPLE["roles"], "issuers": issuers, "pipelines": [pipeline]},
        )

    def publishes(
        self, token: str, *, at: datetime = NOON, evidence: Evidence = EVIDENCE
    ) -> Verdict:
        """Return the verdict on publishing with this token."""
        file = self.folder / "token"
        file.write_text(token)
        file.chmod(0o600)
        policy = load_policy(self.folder / "trust-policy")
        state = State(self.folder / "var")
        seen = identity.publisher_of(policy, state, repository=PUBLIC, file=file, at=at)
        return judge(POLICY, replace(evidence, publisher=seen), at=at)


@pytest.fixture
def pipeline(tmp_path: Path, gitlab: OidcIssuer) -> Pipeline:
    return Pipeline(tmp_path, gitlab)


def refused(verdict: Verdict) -> set[str]:
    return {finding.rule for finding in verdict.refusals}


def test_the_pipeline_publishes(pipeline: Pipeline, gitlab: OidcIssuer) -> None:
    assert "publisher-allowed" not in refused(pipeline.publishes(gitlab.gitlab()))


def test_stolen_ci_token(pipeline: Pipeline, gitlab: OidcIssuer, tmp_path: Path) -> None:
    """It is worth nothing an hour later, nothing without the key, nothing as anybody's approval."""
    stolen = gitlab.gitlab()

    with pytest.raises(Refused, match="expired"):
        pipeline.publishes(stolen, at=NOON + timedelta(hours=2))
    with pytest.raises(Refused, match="for the audience 'vault'"):
        pipeline.publishes(gitlab.gitlab(aud="vault"))

    own_key = replace(EVIDENCE, signer=replace(SIGNER, fingerprint=LOCAL_KEY))
    assert refused(pipeline.publishes(stolen, evidence=own_key)) >= {"signer-trusted"}

    world = World(tmp_path / "world")
    world.gitlab.keys = gitlab.keys
    world.put("approvals", approval(), {"kind": "oidc", "issuer": "gitlab", "token": stolen})
    world.put("waivers", waiver(), {"kind": "oidc", "issuer": "gitlab", "token": stolen})
    said = consent.consent_in(world.folder, world.policy(), at=NOON)
    assert (said.approvals, said.waivers) == ((), ())


@pytest.mark.parametrize(
    "changed",
    [
        {"ref": "topic", "ref_protected": "false"},
        {"ref": "main", "ref_protected": "false"},
        {"ref": "main", "project_path": "mallory/recipes"},
        {"ref": "main", "pipeline_source": "merge_request_event"},
        {"ref": "release", "ref_protected": "true"},
    ],
    ids=str,
)
def test_malicious_merge_request(
    pipeline: Pipeline, gitlab: OidcIssuer, changed: dict[str, Any]
) -> None:
    """Its pipeline can ask for any token that it likes, and gets one that says where it runs."""
    assert "publisher-allowed" in refused(pipeline.publishes(gitlab.gitlab(**changed)))


def test_malicious_merge_request_that_brings_its_own_waiver(tmp_path: Path) -> None:
    """Reviewers see it, and it counts for nothing until enough people of enough facilities sign."""
    world = World(tmp_path / "trust-policy")
    content = waiver(rule="tests-passed", authors=[])
    world.put("waivers", content, world.by_login(content, "ada"))
    policy, at = world.policy(), NOON + timedelta(days=1)

    said = consent.consent_in(world.folder, policy, at=at)
    verdict = judge(POLICY, said.about(replace(EVIDENCE, tests=None)), at=at)

    assert "tests-passed" in refused(verdict)


def test_malicious_merge_request_that_widens_who_may_publish(
    pipeline: Pipeline, gitlab: OidcIssuer
) -> None:
    """An entry that any project or any branch fits is a fault of the policy, before anybody reviews it."""
    folder = pipeline.folder / "trust-policy"
    for claims in ({"project_path": "pan/recipes"}, {"ref_protected": True, "ref": "main"}):
        entry = {"name": "CI", "issuer": "gitlab", "roles": ["publisher"], "facility": "esrf"}
        people = {
            "roles": PEOPLE["roles"],
            "issuers": [{**PEOPLE["issuers"][0], "url": gitlab.url}],
            "pipelines": [{**entry, "claims": claims}],
        }
        assert {problem.rule for problem in check_policy(policy_with(folder, people=people))} == {
            "policy-grant-broad"
        }


def test_rogue_partner_signs_a_waiver_alone(tmp_path: Path) -> None:
    """All the people of one facility together are one facility."""
    world = World(tmp_path / "trust-policy")
    people = [{**each, "facility": "esrf"} for each in PEOPLE["persons"]]
    world.people = {**PEOPLE, "persons": people}
    content = waiver()
    world.put("waivers", content, *(world.by_login(content, name) for name in ("ada", "bob")))

    said = consent.consent_in(world.folder, world.policy(), at=NOON + timedelta(days=1))

    assert said.waivers == ()
    assert "signers of 2 facilities are needed" in said.problems[0].message
