# SPDX-License-Identifier: BSD-3-Clause
"""Who the policy may list, and which entries would fit more than anybody means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import strict_yaml
from tests.policies import PROJECT, policy_with
from trust.policy import check_policy, load_policy
from trust.policy.claims import Claim

ISSUERS = [
    {"name": "gitlab", "url": "https://gitlab.example.org", "audience": "p", "kind": "gitlab"},
    {"name": "eosc", "url": "https://aai.example.org", "audience": "p", "kind": "generic"},
]
ROLES = [{"name": name, "means": name} for name in ("publisher", "release-manager")]
JOB = {"project_path": "pan/recipes", "ref_protected": True}
WEB = {**JOB, "user_login": "ada", "pipeline_source": "web"}
Write = Callable[[dict[str, Any]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Give the project's policy another section `people`."""

    def written(people: dict[str, Any]) -> Path:
        whole = {"roles": ROLES, "issuers": ISSUERS, **people}
        folder = policy_with(tmp_path / "trust-policy", people=whole)
        (folder / "keys" / "ada.asc").write_text("key\n")
        return folder

    return written


def pipeline(claims: dict[str, Any], **more: Any) -> dict[str, Any]:
    plain = {"name": "CI", "issuer": "gitlab", "roles": ["publisher"], "facility": "esrf"}
    return {"pipelines": [{**plain, "claims": claims, **more}]}


def person(**more: Any) -> dict[str, Any]:
    return {"name": "Ada", "facility": "esrf", "roles": ["release-manager"], **more}


def login(claims: dict[str, Any], issuer: str = "gitlab") -> dict[str, Any]:
    return {"persons": [person(logins=[{"issuer": issuer, "claims": claims}])]}


def test_people_are_read(write: Write) -> None:
    folder = write(
        {
            **pipeline({**JOB, "ref": ["main", "stable"]}),
            "persons": [
                person(fingerprint="A" * 40, key="keys/ada.asc", valid_until="2026-12-31"),
            ],
            "token_variable": "ID_TOKEN",
            "four_eyes": False,
        }
    )

    people = load_policy(folder).people

    assert people.pipelines[0].claims == (
        Claim("project_path", ("pan/recipes",)),
        Claim("ref_protected", ("true",)),
        Claim("ref", ("main", "stable")),
    )
    assert people.persons[0].key_file == folder / "keys" / "ada.asc"
    assert (people.token_variable, people.four_eyes) == ("ID_TOKEN", False)
    assert people.issuers[0].keys_file == folder / "issuers" / "gitlab.jwks.json"


def test_keys_of_people_and_issuers_are_part_of_the_policy(write: Write) -> None:
    folder = write({"persons": [person(fingerprint="A" * 40, key="keys/ada.asc")]})
    before = load_policy(folder).sha256

    (folder / "keys" / "ada.asc").write_text("another key\n")
    with_key = load_policy(folder).sha256
    (folder / "issuers").mkdir()
    (folder / "issuers" / "gitlab.jwks.json").write_text("{}")

    assert len({before, with_key, load_policy(folder).sha256}) == 3


@pytest.mark.parametrize(
    ("people", "rule"),
    [
        (pipeline(JOB), None),
        (pipeline({"project_id": "20", "ref_protected": "true"}), None),
        (pipeline({"ref_protected": True}), "policy-grant-broad"),
        (pipeline({"project_path": "pan/recipes"}), "policy-grant-broad"),
        (pipeline({**JOB, "ref_protected": ["true", "false"]}), "policy-grant-broad"),
        (pipeline({**JOB, "ref_protected": False}), "policy-grant-broad"),
        (pipeline({}), "schema-value"),
        (pipeline({"aud": "other"}), "schema-pattern"),
        (pipeline({**JOB, "ref": []}), "schema-value"),
        (pipeline(JOB, roles=["king"]), "policy-role-unknown"),
        (pipeline(JOB, issuer="github"), "policy-issuer-unknown"),
        (pipeline(JOB, facility="The ESRF"), "schema-pattern"),
        (login(WEB), None),
        (login({"sub": "ada@eosc"}, "eosc"), None),
        (login(JOB), "policy-grant-broad"),
        (login({**WEB, "pipeline_source": "schedule"}), "policy-grant-broad"),
        (login({**WEB, "pipeline_source": ["web", "push"]}), "policy-grant-broad"),
        ({"persons": [person()]}, "policy-person"),
        ({"persons": [person(fingerprint="A" * 40)]}, "policy-person"),
        ({"persons": [person(key="keys/ada.asc")]}, "policy-person"),
        ({"persons": [person(fingerprint="A" * 40, key="keys/no.asc")]}, "policy-person"),
        ({"persons": [person(fingerprint="A" * 40, key="keys/ada.asc")] * 2}, "policy-person"),
        ({"issuers": [*ISSUERS, ISSUERS[0]]}, "policy-issuer-twice"),
        ({"issuers": [{**ISSUERS[0], "name": "b"}, ISSUERS[0]]}, "policy-issuer-twice"),
        ({"issuers": [{**ISSUERS[0], "url": "http://x.example.org"}]}, "policy-issuer-address"),
        ({"issuers": [{**ISSUERS[0], "kind": "ldap"}]}, "schema-value"),
    ],
    ids=lambda value: str(value)[:70],
)
def test_an_entry_gives_a_role_to_no_more_than_it_means(
    write: Write, people: dict[str, Any], rule: str | None
) -> None:
    found = {problem.rule for problem in check_policy(write(people))}

    assert found == ({rule} if rule else set())


def test_the_example_of_the_page_is_a_policy(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "identity.md").read_text()
    example = page.split("```yaml\n", 1)[1].split("```")[0]
    sections = strict_yaml.loads(example.encode(), Path("docs/identity.md")).value

    folder = policy_with(tmp_path / "trust-policy", **sections)

    policy = load_policy(folder)
    assert [each.name for each in policy.people.persons] == ["Ada Lovelace"]
    assert policy.waivers is not None
