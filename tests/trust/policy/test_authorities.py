# SPDX-License-Identifier: BSD-3-Clause
"""The section `authorities`: holders of certificates are signers, and the files are looked at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.authorities import TestAuthority
from tests.trust.conftest import NOW
from trust.policy import check_policy, load_policy

ROOT = Path(__file__).parents[3]
SECTION = """authorities:
  - name: ILL
    certificates: keys/ill.pem
    revocations: keys/ill.crl.pem
    holders:
      - {name: ILL release, subject: "CN=release,O=ILL", packages: ["ill-*"], facility: ill}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The project's policy with an authority."""
    shutil.copytree(ROOT / "trust-policy", tmp_path / "policy")
    file = tmp_path / "policy" / "policy.yaml"
    file.write_text(file.read_text() + SECTION)
    TestAuthority("ILL", NOW).write(tmp_path / "policy", "ill")
    return tmp_path / "policy"


def test_a_holder_is_found_by_authority_and_subject(folder: Path) -> None:
    policy = load_policy(folder)

    holder = policy.signer("x509:ILL:CN=release,O=ILL")

    assert holder is not None
    assert (holder.name, holder.facility, holder.packages) == ("ILL release", "ill", ("ill-*",))
    assert policy.signer("x509:ILL:CN=release") is None
    assert policy.signer("x509:ESRF:CN=release,O=ILL") is None
    assert holder.key_file not in policy.public_keys, "it is no PGP key"


def test_new_lists_are_a_new_policy(folder: Path) -> None:
    before = load_policy(folder).sha256

    TestAuthority("ILL", NOW).write(folder, "ill")

    assert load_policy(folder).sha256 != before


@pytest.mark.parametrize("name", ["ill.pem", "ill.crl.pem"])
def test_a_file_that_is_missing_or_something_else_is_reported(folder: Path, name: str) -> None:
    (folder / "keys" / name).write_text("hello")
    [wrong] = check_policy(folder)
    (folder / "keys" / name).unlink()
    [missing] = check_policy(folder)

    assert wrong == missing
    assert wrong.rule == "policy-authority-file"
    assert f"keys/{name} holds no" in wrong.message


def test_a_file_outside_of_the_folder_is_refused(folder: Path) -> None:
    file = folder / "policy.yaml"
    file.write_text(file.read_text().replace("keys/ill.pem", "../ill.pem"))

    assert [each.rule for each in check_policy(folder)] == ["schema-pattern"]
