# SPDX-License-Identifier: BSD-3-Clause
"""Malicious merge request: a change of a recipe, its lock or the policy that is not what it looks like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.oidc_issuer import NOON as DAY_OF_TOKENS
from tests.pages import ROOT
from tests.trust.cases import EVIDENCE, NOON, POLICY
from tests.trust.conftest import world
from tests.trust.people import WAIVERS, World, waiver
from trust.consent import waivers
from trust.evidence import BuildFacts, Input
from trust.judge import judge

__all__ = ["world"]

BUILD = EVIDENCE.build or BuildFacts()


def refusals(**different: Any) -> dict[str, str]:
    """Return which rules refuse to publish for everybody what is right but for this, and why."""
    verdict = judge(POLICY, replace(EVIDENCE, **different), at=NOON)
    return {each.rule: each.message for each in verdict.refusals}


def test_malicious_merge_request() -> None:
    """What its own pipeline builds cannot be published: nobody has merged it."""
    assert EVIDENCE.provenance is not None
    own = replace(EVIDENCE.provenance, ref="refs/merge-requests/7/head", protected=False)

    assert refusals() == {}
    assert list(refusals(provenance=own)) == ["ref-protected"]


@pytest.mark.parametrize(
    ("different", "rule"),
    [
        (
            {"build": replace(BUILD, inputs=(Input("https://evil.example.org/x", None),))},
            "inputs-pinned",
        ),
        ({"build": replace(BUILD, network_off=False)}, "build-offline"),
        ({"build": replace(BUILD, risky_files=("/usr/bin/x",))}, "no-setuid"),
        ({"plan": "4" * 64}, "plan-matches"),
        ({"approvals": ()}, "signers-enough"),
    ],
    ids=["a download", "a network", "a set-uid file", "an image of another plan", "nobody's yes"],
)
def test_malicious_merge_request_is_caught_by_what_it_brings(
    different: dict[str, Any], rule: str
) -> None:
    assert rule in refusals(**different)


def test_malicious_merge_request_with_its_own_waiver(world: World) -> None:
    """Its author signs an exception for it, and is the only one who does."""
    world.waivers = {**WAIVERS, "threshold": 1, "facilities": 1}
    content = waiver(authors=["ada"])
    world.put("waivers", content, world.by_login(content, "ada"))

    found = waivers.load(world.folder, world.policy(), at=DAY_OF_TOKENS)

    assert found.waivers == ()
    assert "only Ada signed, who looks after the package" in found.problems[0].message


def test_malicious_merge_request_that_changes_the_policy() -> None:
    """Two groups have to look at the policy, at the judge and at the list of who looks."""
    lines = (ROOT / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
    owned = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("/")}

    assert "[Trust][2]" in lines
    for path in ("/trust-policy/", "/trust/", "/CODEOWNERS"):
        assert len(set(owned[path])) >= 2
