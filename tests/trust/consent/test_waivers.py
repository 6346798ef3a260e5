# SPDX-License-Identifier: BSD-3-Clause
"""Which waivers count, and what is wrong with those that do not: file, line, rule, reason."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.oidc_issuer import NOON
from tests.policies import PROJECT
from tests.trust.people import GROUP, PEOPLE, WAIVERS, World, waiver
from trust.consent import documents, waivers
from trust.evidence import Waiver
from trust.policy import load_policy
from trust.rules import RULES

DAY = timedelta(days=1)


def signed(world: World, content: dict[str, Any], *who: str) -> None:
    world.put("waivers", content, *(world.by_login(content, name) for name in who))


def loaded(world: World, **more: Any) -> waivers.Loaded:
    policy = world.policy()
    return waivers.load(world.folder, policy, **{"at": NOON + DAY, **more})


def rules_of(found: waivers.Loaded) -> list[str]:
    return [problem.rule for problem in found.problems]


def test_two_security_officers_of_two_facilities_waive_a_rule(world: World) -> None:
    content = waiver()
    signed(world, content, "ada", "bob")

    found = loaded(world)

    assert found.problems == ()
    assert found.waivers == (
        Waiver(
            id=documents.digest(content),
            rule="no-setuid",
            package="pyfai",
            versions=("2024.9",),
            reason=content["reason"],
            approvers=("Ada", "Bob"),
            granted=NOON,
            expires=NOON + 10 * DAY,
        ),
    )


def test_a_policy_folder_without_waivers_has_none(world: World) -> None:
    assert loaded(world) == waivers.Loaded((), ())


def test_one_signature_is_not_enough(world: World) -> None:
    signed(world, waiver(), "ada")

    found = loaded(world)

    assert found.waivers == ()
    assert rules_of(found) == ["waiver-threshold", "waiver-threshold"]
    assert "2 signatures by security-officer are needed, there are 1" in str(found.problems)
    assert "signers of 2 facilities are needed, all are of esrf" in str(found.problems)
    assert found.problems[0].hint is not None
    assert found.problems[0].hint.endswith(
        "who could: Bob (ill), a member of security group (desy)"
    )


def test_two_of_one_facility_are_not_enough(world: World) -> None:
    people = [{**each, "facility": "esrf"} for each in PEOPLE["persons"]]
    world.people = {**PEOPLE, "persons": people}
    signed(world, waiver(), "ada", "bob")

    found = loaded(world)

    assert [problem.message for problem in found.problems] == [
        "signers of 2 facilities are needed, all are of esrf"
    ]


def test_somebody_without_the_role_does_not_count(world: World) -> None:
    content = waiver()
    world.put("waivers", content, world.by_login(content, "ada"), world.by_job(content, "cid"))

    assert set(rules_of(loaded(world))) == {"waiver-threshold"}


def test_a_member_of_a_group_counts(world: World) -> None:
    content = waiver()
    member = world.by_login(content, "gil", eduperson_entitlement=GROUP)
    world.put("waivers", content, world.by_login(content, "ada"), member)

    assert loaded(world).waivers[0].approvers == ("Ada", "gil@aai of security group")


def test_who_looks_after_the_package_cannot_waive_alone(world: World) -> None:
    world.waivers = {**WAIVERS, "threshold": 1, "facilities": 1}
    signed(world, waiver(authors=["ada"]), "ada")

    found = loaded(world)

    assert rules_of(found) == ["waiver-threshold"]
    assert "only Ada signed, who looks after the package" in found.problems[0].message


def test_without_four_eyes_one_can(world: World) -> None:
    world.waivers = {**WAIVERS, "threshold": 1, "facilities": 1}
    world.people = {**PEOPLE, "four_eyes": False}
    signed(world, waiver(authors=["Ada"]), "ada")

    assert len(loaded(world).waivers) == 1


def test_who_looks_after_the_package_cannot_be_left_out(world: World) -> None:
    signed(world, waiver(authors=[]), "ada", "bob")

    found = loaded(world, authors={"pyfai": ("Ada", "Eve"), "silx": ("Bob",)})

    assert found.waivers == ()
    assert "Ada, Eve looks after pyfai and is not named here" in found.problems[0].message


def test_a_bad_signature_spoils_the_file(world: World) -> None:
    content = waiver()
    good = [world.by_login(content, name) for name in ("ada", "bob")]
    world.put("waivers", content, *good, world.by_login(waiver(rule="no-secrets"), "ada"))

    found = loaded(world)

    assert found.waivers == ()
    assert rules_of(found) == ["signature-bad"]


@pytest.mark.parametrize("field", ["rule", "package", "versions", "reason", "expires", "authors"])
def test_a_content_that_was_changed_has_lost_its_signatures(world: World, field: str) -> None:
    content = waiver()
    signatures = [world.by_login(content, name) for name in ("ada", "bob")]
    other = {
        "rule": "no-secrets",
        "package": "silx",
        "versions": ["2024.9", "2024.10"],
        "reason": "another reason altogether",
        "expires": "2026-06-20T12:00:00Z",
        "authors": ["Somebody Else"],
    }
    world.put("waivers", {**content, field: other[field]}, *signatures)

    found = loaded(world)

    assert found.waivers == ()
    assert rules_of(found).count("signature-bad") == 2


@pytest.mark.parametrize(
    ("content", "rule", "reason"),
    [
        (waiver(days=31), "waiver-long", "a waiver lasts at most 30 days"),
        (waiver(days=0), "waiver-long", "a waiver lasts"),
        (waiver(rule="no-such-rule"), "waiver-never", "there is no rule 'no-such-rule'"),
        (waiver(rule="version-immutable"), "waiver-never", "no policy lets 'version-immutable'"),
        (waiver(rule="signer-trusted"), "waiver-never", "no policy lets"),
        (waiver(rule="publisher-allowed"), "waiver-never", "no policy lets"),
        (waiver(rule="sbom-present"), "waiver-never", "this policy never lets 'sbom-present'"),
        (waiver(granted=NOON + 2 * DAY), "waiver-early", "it holds from 2026-06-03 12:00 UTC on"),
        (waiver(days=0.5), "waiver-expired", "it ended on 2026-06-02 00:00 UTC"),
        (waiver(days=1), "waiver-expired", "it ended on 2026-06-02 12:00 UTC"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_waiver_that_asks_too_much_is_refused(
    world: World, content: dict[str, Any], rule: str, reason: str
) -> None:
    signed(world, content, "ada", "bob")

    found = loaded(world)

    assert found.waivers == ()
    assert rule in rules_of(found)
    assert reason in str(found.problems)


def test_a_policy_that_says_nothing_of_waivers_has_none(world: World) -> None:
    world.waivers = None
    signed(world, waiver(), "ada", "bob")

    assert rules_of(loaded(world)) == ["waiver-terms"]


@pytest.mark.parametrize("text", ["", "[]", "schema: 1", "{", "schema: 1\ncontent: 7\n", "a: *b"])
def test_a_file_that_is_none_is_refused_with_its_place(world: World, text: str) -> None:
    file = world.put("waivers", waiver())
    file.write_text(text)

    found = loaded(world)

    assert found.waivers == ()
    assert {problem.where.file for problem in found.problems} == {file}


def test_a_day_that_is_none_is_refused(world: World) -> None:
    signed(world, waiver(expires="2026-02-30T00:00:00Z"), "ada", "bob")

    assert rules_of(loaded(world)) == ["waiver-time"]


def test_a_wrong_waiver_does_not_keep_a_good_one_from_counting(world: World) -> None:
    signed(world, waiver(), "ada", "bob")
    world.put("waivers", waiver(package="silx"), name="two")

    found = loaded(world)

    assert [each.package for each in found.waivers] == ["pyfai"]
    assert {problem.where.file.name for problem in found.problems} == {"two.yaml"}


def test_a_problem_names_file_and_line(world: World) -> None:
    signed(world, waiver(days=31), "ada", "bob")

    (problem,) = loaded(world).problems

    lines = problem.where.file.read_text().splitlines()
    assert problem.where.file == world.folder / "waivers" / "one.yaml"
    assert lines[problem.where.line - 1].startswith("  expires:")


def test_a_waiver_in_json_is_one_as_well(world: World) -> None:
    content = waiver()
    signatures = [world.by_login(content, name) for name in ("ada", "bob")]
    file = world.put("waivers", content, name="other").with_name("one.json")
    file.with_name("other.yaml").unlink()
    file.write_text(json.dumps({"schema": 1, "content": content, "signatures": signatures}))

    assert len(loaded(world).waivers) == 1


def test_every_rule_can_be_named_or_says_why_not(world: World) -> None:
    policy = world.policy()

    for rule in RULES:
        wrong = waivers.never(rule.id, policy)
        assert (wrong is None) == (rule.waivable and rule.id not in WAIVERS["never"])


def test_the_projects_policy_names_rules_that_there_are() -> None:
    terms = load_policy(PROJECT / "trust-policy").waivers

    assert terms is not None
    assert set(terms.never) <= {rule.id for rule in RULES if rule.waivable}
