# SPDX-License-Identifier: BSD-3-Clause
"""Whose signature counts, and each way in which one does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.oidc_issuer import NOON, new_key
from tests.trust.conftest import NOW, public
from tests.trust.people import GROUP, PEOPLE, World, approval, person
from trust.consent import approvals, documents, voices
from trust.consent.voices import Voice
from trust.keys import FolderKey

LATER = NOON + timedelta(days=400)


def heard(
    world: World, *signatures: dict[str, str], content: dict[str, Any] | None = None, at: Any = NOON
) -> tuple[list[Voice], list[str]]:
    file = world.put("approvals", content or approval(), *signatures)
    policy = world.policy()
    found, problems = voices.hear(documents.read(file, approvals.CONTENT), policy, at=at)
    return list(found), [problem.message for problem in problems]


def test_a_login_with_the_nonce_of_the_content_signs_it(world: World) -> None:
    found, problems = heard(world, world.by_login(approval(), "ada"))

    assert problems == []
    assert found == [
        Voice("oidc:https://aai.example.org#ada@aai", "Ada", ("security-officer",), "esrf", NOON)
    ]


def test_a_job_with_the_audience_of_the_content_signs_it(world: World) -> None:
    found, _ = heard(world, world.by_job(approval(), "cid"))

    assert [(each.by, each.name) for each in found] == [
        ("oidc:https://gitlab.example.org#cid", "Cid")
    ]


def test_a_token_that_expired_long_ago_still_signs(world: World) -> None:
    found, problems = heard(world, world.by_login(approval(), "ada"), at=LATER)

    assert (len(found), problems) == (1, [])


def test_a_key_that_was_rotated_away_still_verifies_what_it_signed(world: World) -> None:
    signature = world.by_login(approval(), "ada")
    world.policy()
    world.aai.rotate("second")
    world.review("aai", world.aai, at=NOON + timedelta(days=30))

    found, problems = heard(world, signature, at=LATER)

    assert ([each.name for each in found], problems) == (["Ada"], [])


def test_a_key_that_was_rotated_away_signs_nothing_new(world: World) -> None:
    world.policy()
    stolen = world.aai.rotate("second")
    world.review("aai", world.aai, at=NOON + timedelta(days=30))
    late = world.by_login(approval(), "ada", key=stolen, at=NOON + timedelta(days=60))

    found, problems = heard(world, late, at=LATER)

    assert found == []
    assert "made on 2026-07-31, when https://aai.example.org did not have its key" in problems[0]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"nonce": "0" * 64}, "was not made for this content"),
        ({"nonce": None}, "was not made for this content"),
        ({"aud": "another-client"}, "was not made for this content"),
        ({"sub": "mallory@aai"}, "gives no role to 'mallory@aai'"),
        ({"key": new_key("first")}, "was altered"),
        ({"key": new_key("unknown")}, "the key 'unknown', which"),
        ({"iss": "https://evil.example"}, "of another issuer"),
        ({"at": NOON + timedelta(days=1)}, "later than now"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_token_that_is_not_for_this_content_signs_nothing(
    world: World, changed: dict[str, Any], reason: str
) -> None:
    found, problems = heard(world, world.by_login(approval(), "ada", **changed))

    assert found == []
    assert reason in problems[0]


@pytest.mark.parametrize(
    "changed",
    [
        {"pipeline_source": "schedule"},
        {"ref_protected": "false"},
        {"project_path": "cid/fork"},
        {"user_login": "dan"},
    ],
    ids=str,
)
def test_a_job_that_nobody_started_by_hand_on_a_protected_ref_signs_nothing(
    world: World, changed: dict[str, Any]
) -> None:
    found, problems = heard(world, world.by_job(approval(), "cid", **changed))

    assert found == []
    assert "gives no role to" in problems[0]


def test_the_token_of_a_publication_is_no_approval(world: World) -> None:
    found, problems = heard(world, world.by_job(approval(), "cid", aud="pansoft"))

    assert found == []
    assert "its audience is 'pansoft'" in problems[0]


def test_a_signature_of_one_plan_is_none_of_another(world: World) -> None:
    signature = world.by_login(approval(), "ada")

    found, problems = heard(world, signature, content=approval(plan="4" * 64))

    assert found == []
    assert "was not made for this content" in problems[0]


def test_the_same_person_twice_is_one_voice(world: World) -> None:
    signatures = [world.by_login(approval(), "ada", jti=number) for number in ("1", "2")]

    assert len(heard(world, *signatures)[0]) == 1


def test_a_member_of_a_group_signs(world: World) -> None:
    member = world.by_login(approval(), "gil", eduperson_entitlement=[GROUP])

    found, _ = heard(world, member)

    assert [(each.name, each.facility) for each in found] == [("gil@aai of security group", "desy")]


def test_an_issuer_without_reviewed_keys_vouches_for_nobody(world: World) -> None:
    signature = world.by_login(approval(), "ada")
    world.policy()
    file = world.folder / "issuers" / "aai.jwks.json"
    spoilt = file.read_text()
    file.write_text("{}")

    found, problems = heard(world, signature)
    file.write_text(spoilt)

    assert found == []
    assert "no file of reviewed keys" in problems[0]


@pytest.mark.parametrize(
    "signature",
    [
        {"kind": "pgp"},
        {"kind": "oidc"},
        {"kind": "oidc", "issuer": "aai"},
        {"kind": "oidc", "signature": "x", "token": "y"},
    ],
    ids=str,
)
def test_half_a_signature_is_none(world: World, signature: dict[str, str]) -> None:
    found, problems = heard(world, signature)

    assert found == []
    assert "has `signature`" in problems[0]


def test_an_issuer_that_the_policy_does_not_list_is_nobody(world: World) -> None:
    signature = {**world.by_login(approval(), "ada"), "issuer": "other"}

    assert heard(world, signature) == ([], ["the policy has no issuer 'other'"])


def with_key(world: World, key: FolderKey, **more: Any) -> None:
    """Let Dan of DESY have a PGP key."""
    world.folder.joinpath("keys").mkdir(parents=True, exist_ok=True)
    (world.folder / "keys" / "dan.asc").write_bytes(public(key).read_bytes())
    dan = person(
        "Dan", "desy", "security-officer", fingerprint=key.fingerprint, key="keys/dan.asc", **more
    )
    world.people = {**PEOPLE, "persons": [*PEOPLE["persons"], dan]}


def by_key(key: FolderKey, content: dict[str, Any]) -> dict[str, str]:
    signature = key.sign_detached(documents.payload(content), what="a test")
    return {"kind": "pgp", "signature": signature.decode()}


@pytest.mark.needs("gpg")
def test_a_pgp_key_of_a_person_signs(world: World, key: FolderKey) -> None:
    with_key(world, key)

    found, problems = heard(world, by_key(key, approval()), at=NOW + timedelta(hours=1))

    assert problems == []
    assert [(each.by, each.name, each.facility) for each in found] == [
        (f"pgp:{key.fingerprint}", "Dan", "desy")
    ]


@pytest.mark.needs("gpg")
def test_a_pgp_key_of_nobody_signs_nothing(
    world: World, key: FolderKey, other_key: FolderKey
) -> None:
    with_key(world, key)

    found, problems = heard(world, by_key(other_key, approval()), at=NOW)

    assert found == []
    assert "which the policy does not list" in problems[0]


@pytest.mark.needs("gpg")
def test_a_pgp_signature_of_something_else_signs_nothing(world: World, key: FolderKey) -> None:
    with_key(world, key)

    found, problems = heard(world, by_key(key, approval(version="2024.10")), at=NOW)

    assert found == []
    assert "was altered: its signature does not fit it" in problems[0]


@pytest.mark.needs("gpg")
def test_a_pgp_key_signs_nothing_after_the_last_day_of_its_person(
    world: World, key: FolderKey
) -> None:
    with_key(world, key, valid_until="2020-12-31")

    found, problems = heard(world, by_key(key, approval()), at=NOW + timedelta(hours=1))

    assert found == []
    assert "not in their days" in problems[0]


def test_what_is_signed_differs_by_its_kind() -> None:
    one, other = approval(), {**approval(), "kind": "waiver"}

    assert documents.digest(one) != documents.digest(other)
