# SPDX-License-Identifier: BSD-3-Clause
"""What a token is worth: roles for the right project and ref, and for nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.oidc_issuer import NOON
from trust.identity import recognition
from trust.identity.tokens import Claims
from trust.policy.claims import Claim
from trust.policy.issuers import Issuer, IssuerKind
from trust.policy.people import Grant, Login, People, Person, Role

GITLAB = Issuer("gitlab", "https://gitlab.example.org", "pansoft", IssuerKind.GITLAB, Path("a"))
EOSC = Issuer("eosc", "https://aai.example.org", "pansoft", IssuerKind.GENERIC, Path("b"))
GROUP = "urn:geant:example.org:group:pan:release:role=manager#aai.example.org"


def claims(**wanted: str | tuple[str, ...]) -> tuple[Claim, ...]:
    return tuple(
        Claim(name, (value,) if isinstance(value, str) else value) for name, value in wanted.items()
    )


PIPELINE = Grant(
    "release pipeline",
    "gitlab",
    claims(project_path="pan/recipes", ref=("main", "stable"), ref_protected="true"),
    ("publisher",),
    "esrf",
)
ADA = Person(
    "Ada",
    "esrf",
    ("release-manager",),
    logins=(
        Login("gitlab", claims(project_path="pan/recipes", user_login="ada")),
        Login("eosc", claims(sub="ada@eosc")),
    ),
    valid_until=date(2026, 12, 31),
)
PEOPLE = People(
    roles=(Role("publisher", "publishes"), Role("release-manager", "releases")),
    issuers=(GITLAB, EOSC),
    pipelines=(PIPELINE,),
    persons=(ADA,),
    groups=(
        Grant("EOSC release", "eosc", claims(eduperson_entitlement=GROUP), ("auditor",), "ill"),
    ),
)


def token(issuer: Issuer = GITLAB, subject: str = "job", **changed: Any) -> Claims:
    plain = {"project_path": "pan/recipes", "ref": "main", "ref_protected": "true", "sub": subject}
    others = {
        name: value if isinstance(value, tuple) else (value,)
        for name, value in (plain | changed).items()
        if value is not None
    }
    return Claims(issuer.url, subject, "pansoft", NOON, None, NOON + timedelta(hours=1), others)


def test_a_pipeline_has_the_roles_of_its_entry() -> None:
    found = recognition.pipeline_of(PEOPLE, GITLAB, token(job_id="302", user_email="a@b"))

    assert (found.name, found.roles, found.facility) == ("release pipeline", ("publisher",), "esrf")
    assert found.by == "oidc:https://gitlab.example.org#job"
    assert found.claims == (
        "project_path=pan/recipes",
        "ref=main",
        "ref_protected=true",
        "job_id=302",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"project_path": "evil/recipes"},
        {"project_path": "pan/recipes/sub"},
        {"project_path": "PAN/recipes"},
        {"project_path": None},
        {"ref": "main2"},
        {"ref": "ma*"},
        {"ref_protected": "false"},
        {"ref_protected": None},
    ],
    ids=str,
)
def test_a_claim_that_is_missing_or_other_gives_no_role(changed: dict[str, Any]) -> None:
    assert recognition.pipeline_of(PEOPLE, GITLAB, token(**changed)).roles == ()


def test_the_same_claims_of_another_issuer_give_no_role() -> None:
    assert recognition.pipeline_of(PEOPLE, EOSC, token(EOSC)).roles == ()


def test_any_of_several_values_will_do() -> None:
    assert recognition.pipeline_of(PEOPLE, GITLAB, token(ref="stable")).roles == ("publisher",)


def test_a_person_is_named_by_who_started_the_job() -> None:
    found = recognition.somebody_of(PEOPLE, GITLAB, token(user_login="ada"), at=NOON)

    assert found is not None
    assert (found.by, found.name) == ("oidc:https://gitlab.example.org#ada", "Ada")


def test_another_person_on_the_same_branch_is_nobody() -> None:
    assert recognition.somebody_of(PEOPLE, GITLAB, token(user_login="bob"), at=NOON) is None


def test_a_person_has_no_role_after_the_last_day() -> None:
    late = NOON + timedelta(days=300)

    assert recognition.somebody_of(PEOPLE, GITLAB, token(user_login="ada"), at=late) is None


def test_a_member_of_a_group_has_its_roles() -> None:
    member = token(EOSC, "bob@eosc", eduperson_entitlement=("urn:other", GROUP))

    found = recognition.somebody_of(PEOPLE, EOSC, member, at=NOON)

    assert found is not None
    assert (found.name, found.roles, found.facility) == (
        "bob@eosc of EOSC release",
        ("auditor",),
        "ill",
    )


def test_the_group_of_another_authority_is_another_group() -> None:
    other = token(EOSC, "bob", eduperson_entitlement=GROUP.replace("#aai.", "#evil."))

    assert recognition.somebody_of(PEOPLE, EOSC, other, at=NOON) is None


def test_who_is_listed_by_name_does_not_count_as_a_member_of_a_group_too() -> None:
    ada = token(EOSC, "ada@eosc", eduperson_entitlement=GROUP)

    found = recognition.somebody_of(PEOPLE, EOSC, ada, at=NOON)
    left = replace(ADA, valid_until=date(2026, 1, 1))
    gone = recognition.somebody_of(replace(PEOPLE, persons=(left,)), EOSC, ada, at=NOON)

    assert found is not None
    assert found.roles == ("release-manager",)
    assert gone is None


def test_what_a_token_lacks_is_said() -> None:
    assert recognition.misfits(PEOPLE, GITLAB, token(ref="topic", ref_protected=None)) == (
        "release pipeline: ref is topic, not main or stable; ref_protected is not there, not true",
        "Ada: user_login is not there, not ada",
    )
