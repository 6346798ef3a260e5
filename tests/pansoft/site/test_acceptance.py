# SPDX-License-Identifier: BSD-3-Clause
"""What a site accepts, as text and as rules: it can only take away, and faults have their place."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput
from pansoft.site import acceptance
from pansoft.site.acceptance import BEGINNING, Acceptance, narrowed
from pansoft.site.rules import Delivered, all_rules, without_waivers_not_accepted
from tests.trust.cases import EVIDENCE, NOON, POLICY
from trust.evidence import Evidence, Purpose, ReleaseFacts, Waiver
from trust.judge import judge
from trust.verdict import Outcome, Verdict

ASKED = replace(EVIDENCE, purpose=Purpose.VERIFY)
HERE = Delivered("esrf", "image")


def verdict(
    accepted: Acceptance, evidence: Evidence = ASKED, delivered: Delivered = HERE
) -> Verdict:
    return judge(
        narrowed(POLICY, accepted), evidence, at=NOON, rules=all_rules(accepted, delivered)
    )


def refused(made: Verdict) -> list[str]:
    return [finding.rule for finding in made.refusals]


def write(folder: Path, text: str) -> Path:
    (folder / acceptance.FILE_NAME).write_text(text, encoding="utf-8")
    return folder


def test_the_beginning_accepts_what_the_published_policy_accepts(tmp_path: Path) -> None:
    found = acceptance.load(write(tmp_path, BEGINNING))

    assert refused(verdict(found)) == []
    assert found == replace(Acceptance(), digest=found.digest)


@pytest.mark.parametrize(
    ("accepted", "rule"),
    [
        (Acceptance(namespaces=("ill",)), "site-namespace"),
        (Acceptance(packages=("hdf5-*",)), "site-package"),
        (Acceptance(channels=("stable",)), "site-channel"),
        (Acceptance(forms=("tree",)), "site-form"),
        (Acceptance(signers=("nobody",)), "signer-trusted"),
        (Acceptance(facilities=("ILL",)), "signer-trusted"),
    ],
    ids=["namespace", "package", "channel", "form", "signer", "facility"],
)
def test_each_list_takes_away(accepted: Acceptance, rule: str) -> None:
    assert rule in refused(verdict(accepted))


def test_what_is_not_known_is_refused() -> None:
    unknown = replace(ASKED, release=None)

    assert "site-namespace" in refused(verdict(Acceptance(), delivered=Delivered(None, "image")))
    assert "site-channel" in refused(verdict(Acceptance(), unknown))


def test_no_list_ever_lets_something_in() -> None:
    """Whatever a site writes under `accept` and `refuse`, a no of the published policy stays one."""
    chance = random.Random(5)
    cases = [
        replace(ASKED, tests=None),
        replace(ASKED, signer=None),
        replace(ASKED, release=ReleaseFacts("testing", "2020-01-01")),
        replace(ASKED, base="made-at-home"),
        ASKED,
    ]
    names = ("*", "esrf", "testing", "image", "pyfai", "release", "x")
    for _ in range(200):
        lists: dict[str, Any] = {
            field: tuple(chance.sample(names, chance.randint(0, 3)))
            for field in ("namespaces", "signers", "packages", "channels", "forms", "waivers")
        }
        evidence = chance.choice(cases)
        published = judge(POLICY, evidence, at=NOON)

        here = verdict(replace(Acceptance(), **lists), evidence)

        assert published.accepted or not here.accepted
        assert {f.rule for f in published.refusals} <= {f.rule for f in here.refusals}


def test_a_waiver_that_the_site_does_not_accept_is_none() -> None:
    waiver = Waiver(
        id="w",
        rule="tests-passed",
        package=ASKED.name,
        versions=(ASKED.version,),
        reason="the detector is on the beamline",
        approvers=("Ada", "Ben"),
        granted=NOON - timedelta(days=1),
        expires=NOON + timedelta(days=1),
    )
    failing = replace(ASKED, tests=None, waivers=(waiver,))
    none = Acceptance(waivers=())

    with_it = verdict(Acceptance(), without_waivers_not_accepted(failing, Acceptance()))
    without = verdict(none, without_waivers_not_accepted(failing, none))

    waived = {finding.rule for finding in with_it.of(Outcome.WAIVED)}
    assert waived == {"tests-passed"}
    assert "tests-passed" in refused(without)
    assert without.of(Outcome.WAIVED) == ()


def test_a_signer_whom_the_publisher_has_disabled_stays_so() -> None:
    (first, *_) = POLICY.signers
    gone = replace(POLICY, signers=(replace(first, disabled="the laptop was stolen"),))
    mine = replace(first, name="mine")

    (left,) = narrowed(gone, Acceptance(own_signers=(mine,))).signers

    assert (left.name, left.disabled) == (first.name, "the laptop was stolen")


def test_another_acceptance_is_another_policy(tmp_path: Path) -> None:
    one = acceptance.load(write(tmp_path, BEGINNING))
    two = acceptance.load(write(tmp_path, BEGINNING.replace("[image, tree]", "[image]")))

    assert narrowed(POLICY, one).sha256 != narrowed(POLICY, two).sha256
    assert narrowed(POLICY, one).sha256 != POLICY.sha256


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("schema: 1", "schema: 2", "schema must be 1"),
        ("[image, tree]", "[picture]", "must be image or tree"),
        ("refuse: []", "refuse: [{package: x}]", "the field reason is missing"),
        ('packages: ["*"]', "packages: [A B]", "a name, or a pattern of names"),
        ("signers: []", "signers: [{name: x}]", "the field fingerprint is missing"),
        ("accept:", "except:", "there is no field except"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        acceptance.load(write(tmp_path, BEGINNING.replace(old, new)))

    found = [
        problem for problem in caught.value.problems if said in problem.message.replace("'", "")
    ]
    assert found, [problem.message for problem in caught.value.problems]
    assert found[0].where.file.name == acceptance.FILE_NAME
