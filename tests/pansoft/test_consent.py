# SPDX-License-Identifier: BSD-3-Clause
"""What people said is about one package, and lies in the repository as the policy has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from builder.state import State
from pansoft import clock, consent, target
from pansoft.consent import Consent
from tests.oidc_issuer import NOON
from tests.trust.cases import EVIDENCE, POLICY
from tests.trust.people import World, approval, waiver
from trust.evidence import Approval, Waiver
from trust.judge import judge
from trust.verdict import Outcome

AT = clock.now() + timedelta(days=1)
GRANTED = Waiver(
    "a" * 64, "tests-passed", "pyfai", ("2024.9",), "why", ("Ada",), NOON, NOON + timedelta(days=9)
)
GIVEN = Approval("oidc:x#ada", "Ada", ("manager",), "esrf", "pyfai 2024.9", "3" * 64, NOON)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "trust-policy")


def test_evidence_gets_what_is_about_its_package() -> None:
    said = Consent(
        EVIDENCE.publisher,
        (GIVEN, replace(GIVEN, subject="pyfai 2024.10"), replace(GIVEN, subject="silx 1")),
        (GRANTED, replace(GRANTED, package="silx")),
    )

    seen = said.about(EVIDENCE)

    assert (seen.publisher, seen.approvals, seen.waivers) == (
        EVIDENCE.publisher,
        (GIVEN,),
        (GRANTED,),
    )
    assert consent.NOBODY.about(EVIDENCE).approvals == ()


def test_every_use_of_a_waiver_stands_in_the_verdict(world: World) -> None:
    content = waiver(rule="tests-passed", versions=[EVIDENCE.version])
    world.put("waivers", content, *(world.by_login(content, name) for name in ("ada", "bob")))
    at = NOON + timedelta(days=1)
    said = consent.consent_in(world.folder, world.policy(), at=at)

    seen = said.about(replace(EVIDENCE, tests=None))
    finding = next(
        each for each in judge(POLICY, seen, at=at).findings if each.rule == "tests-passed"
    )

    assert finding.outcome is Outcome.WAIVED
    assert finding.waiver == said.waivers[0].id
    assert "by Ada, Bob: the helper needs it" in finding.message


def test_what_counts_for_nothing_is_told(world: World) -> None:
    world.put("waivers", waiver())

    said = consent.consent_in(world.folder, world.policy(), at=NOON)

    assert said.waivers == ()
    assert {each.rule for each in said.problems} == {"waiver-threshold"}


def put(state: State, folder: Path) -> bool:
    backend = target.backend_of(state, at=AT)
    with backend.transaction(at=AT, message="consent") as tx:
        consent.put(tx, folder)
    return tx.published.is_new


def published(state: State) -> list[str]:
    found = []
    with target.read(state, at=AT) as reader:
        for folder in ("approvals", "waivers", "issuers"):
            if reader.lookup(f"trust/{folder}") is not None:
                found += [each.path for each in reader.listdir(f"trust/{folder}")]
        assert all(reader.read(path) for path in found)
    return found


def test_a_partner_finds_it_in_the_repository(world: World, tmp_path: Path) -> None:
    world.policy()
    world.put("waivers", waiver())
    world.put("waivers", waiver(package="silx"), name="two")
    world.put("approvals", approval())
    state = State(tmp_path / "state")

    assert put(state, world.folder)
    assert published(state) == [
        "trust/approvals/one.yaml",
        "trust/waivers/one.yaml",
        "trust/waivers/two.yaml",
        "trust/issuers/aai.jwks.json",
        "trust/issuers/gitlab.jwks.json",
    ]
    assert not put(state, world.folder)

    (world.folder / "waivers" / "one.yaml").unlink()
    (world.folder / "approvals" / "one.yaml").unlink()
    assert put(state, world.folder)
    assert published(state)[0] == "trust/waivers/two.yaml"
    assert len(published(state)) == 3
