# SPDX-License-Identifier: BSD-3-Clause
"""The project's own policy, and what a wrong one is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core import schema, spdx
from core.errors import InvalidInput
from trust.policy import Audience, Origin, check_policy, load_policy
from trust.policy.schema import LOCAL_SIGNERS, POLICY
from trust.programs import gnupg

FOLDER = Path(__file__).parents[2] / "trust-policy"
ARMOR = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"


def signer(fingerprint: str, name: str = "one", more: str = "") -> str:
    return (
        f"  - name: {name}\n    fingerprint: {fingerprint}\n    key: keys/{name}.asc\n"
        f'    packages: ["*"]\n{more}'
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The project's policy, where it may be changed."""
    target = tmp_path / "trust-policy"
    shutil.copytree(FOLDER, target)
    (target / "keys").mkdir(exist_ok=True)
    for name in ("one", "two"):
        (target / "keys" / f"{name}.asc").write_text(ARMOR)
    return target


def with_signers(folder: Path, *entries: str) -> Path:
    file = folder / "policy.yaml"
    file.write_text(file.read_text().replace("signers: []", "signers:\n" + "".join(entries)))
    return folder


def rules_broken(folder: Path) -> list[str]:
    return [problem.rule for problem in check_policy(folder)]


def test_the_projects_policy_is_valid() -> None:
    assert check_policy(FOLDER) == ()


def test_the_projects_policy_names_real_licences() -> None:
    policy = load_policy(FOLDER)

    for licence in (*policy.licensing.allow, *policy.licensing.deny):
        if "*" not in licence:
            assert spdx.parse(licence).is_valid, licence


def test_the_projects_signers_are_the_keys_in_the_files() -> None:
    for each in load_policy(FOLDER).signers:
        assert gnupg.read_key(each.key_file).fingerprint == each.fingerprint


def test_no_private_key_lies_in_the_policy() -> None:
    for path in FOLDER.rglob("*"):
        assert not path.is_file() or b"PRIVATE KEY" not in path.read_bytes()


def test_only_local_repositories_are_known_yet() -> None:
    policy = load_policy(FOLDER)

    assert policy.audience_of("software.pan.local") is Audience.LOCAL
    assert policy.audience_of("software.pan.org") is None
    assert policy.audience_of("software.local.org") is None


def test_the_sha256_changes_with_the_policy_and_with_a_key(folder: Path) -> None:
    first = load_policy(folder).sha256
    with_signers(folder, signer("A" * 40))
    second = load_policy(folder).sha256
    (folder / "keys" / "one.asc").write_text(ARMOR + "other\n")

    assert len({first, second, load_policy(folder).sha256}) == 3


def test_a_comment_does_not_change_the_sha256(folder: Path) -> None:
    first = load_policy(folder).sha256
    file = folder / "policy.yaml"
    file.write_text("# more\n" + file.read_text())

    assert load_policy(folder).sha256 == first


def test_a_local_file_adds_signers_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    with_signers(folder, signer("A" * 40, more="    disabled: gone\n"))
    local = tmp_path / "local"
    (local / "keys").mkdir(parents=True)
    for name in ("one", "two"):
        (local / "keys" / f"{name}.asc").write_text(ARMOR)
    (local / "signers.yaml").write_text(
        "schema: 1\nsigners:\n" + signer("A" * 40) + signer("B" * 40, "two")
    )

    policy = load_policy(folder, local=local)

    assert [(each.name, each.origin, each.disabled) for each in policy.signers] == [
        ("one", Origin.PROJECT, "gone"),
        ("two", Origin.LOCAL, None),
    ]
    assert policy.sha256 == load_policy(folder).sha256


def test_a_local_file_with_rules_in_it_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "signers.yaml").write_text("schema: 1\nsigners: []\nsafety: {}\n")

    with pytest.raises(InvalidInput) as wrong:
        load_policy(folder, local=tmp_path)

    assert [problem.rule for problem in wrong.value.problems] == ["schema-unknown"]


@pytest.mark.parametrize(
    ("entries", "rule"),
    [
        pytest.param([signer("A" * 39)], "schema-pattern", id="short fingerprint"),
        pytest.param([signer("a" * 40)], "schema-pattern", id="small letters"),
        pytest.param(
            [signer("A" * 40), signer("A" * 40, "two")], "policy-signer-twice", id="twice"
        ),
        pytest.param([signer("A" * 40, "none")], "policy-key-missing", id="no key file"),
        pytest.param([signer("A" * 40, "../x")], "schema-pattern", id="outside"),
        pytest.param(
            [signer("A" * 40, more='    valid_until: "2026-02-30"\n')], "policy-day", id="no day"
        ),
        pytest.param([signer("A" * 40, more="    role: boss\n")], "schema-unknown", id="unknown"),
        pytest.param(
            [signer("A" * 40, more='    removed: {on: "2026-02-30", why: gone}\n')],
            "policy-day",
            id="removed on no day",
        ),
        pytest.param(
            [signer("A" * 40, more='    removed: {on: "2026-02-20"}\n')],
            "schema-required",
            id="removed without a reason",
        ),
        pytest.param(
            [signer("A" * 40, more="    revoked_key: keys/two.asc\n")],
            "policy-revoked-not-removed",
            id="revoked but not removed",
        ),
        pytest.param(
            [
                signer(
                    "A" * 40,
                    more="    removed: {on: 2026-02-20, why: lost}\n    revoked_key: keys/x.asc\n",
                )
            ],
            "policy-key-missing",
            id="no revoked key file",
        ),
    ],
)
def test_a_wrong_signer_is_reported(folder: Path, entries: list[str], rule: str) -> None:
    assert rules_broken(with_signers(folder, *entries)) == [rule]


def test_several_problems_are_reported_at_once(folder: Path) -> None:
    with_signers(
        folder, signer("A" * 40, "none"), signer("A" * 40, more='    valid_from: "2026-02-30"\n')
    )

    problems = check_policy(folder)

    assert [(problem.where.line, problem.rule) for problem in problems] == sorted(
        (problem.where.line, problem.rule) for problem in problems
    )
    assert {problem.rule for problem in problems} == {
        "policy-signer-twice",
        "policy-key-missing",
        "policy-day",
    }


def test_a_missing_policy_is_a_problem_with_a_place(tmp_path: Path) -> None:
    assert rules_broken(tmp_path) == ["file-unreadable"]


@pytest.mark.parametrize("what", [POLICY, LOCAL_SIGNERS], ids=["policy", "signers"])
def test_every_field_of_the_schema_is_described(what: schema.Schema) -> None:
    assert [field.path for field in schema.fields(what) if not field.description] == []


def test_what_somebody_has_looked_at_is_excused_at_its_path_and_for_its_rule_only() -> None:
    policy = load_policy(FOLDER)
    key = "/opt/venv/lib/python3.11/site-packages/tornado/test/test.key"

    assert policy.safety.is_known("no-secrets", "h5py", key)
    assert not policy.safety.is_known("no-secrets", "h5py", key.replace("test.key", "other.key"))
    assert not policy.safety.is_known("no-build-paths", "h5py", key)


def test_an_excuse_names_a_rule_that_looks_into_images(folder: Path) -> None:
    file = folder / "policy.yaml"
    file.write_text(file.read_text().replace("rule: no-secrets", "rule: tests-passed", 1))

    assert len(rules_broken(folder)) == 1
