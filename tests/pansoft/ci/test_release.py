# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci release`: a tag, the version and the changelog say the same, or nothing is released."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UserError
from pansoft import cli
from pansoft.ci.release import notes

CHANGELOG = """\
# Changelog

About it.

## Unreleased

- Not yet.

## 0.2.0 - 2026-11-30

- One thing.

### Formats

- Another.

## [0.1.0]

- The first.

## 0.0.9
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    declare(tmp_path, "0.2.0")
    return tmp_path


def declare(root: Path, version: str) -> None:
    (root / "pyproject.toml").write_text(f'[project]\nname = "pansoft"\nversion = "{version}"\n')


def test_notes_are_the_section_of_the_version(root: Path) -> None:
    assert notes(root, "v0.2.0") == "- One thing.\n\n### Formats\n\n- Another.\n"

    declare(root, "0.1.0")
    assert notes(root, "v0.1.0") == "- The first.\n"


@pytest.mark.parametrize(
    ("declared", "tag", "said"),
    [
        ("0.2.0", "v0.1.0", "is not that of version 0.2.0"),
        ("0.2.0", "0.2.0", "is no tag of a release"),
        ("0.2.0", "vnext", "is no tag of a release"),
        ("0.3.0", "v0.3.0", "has no section of version 0.3.0"),
        ("0.0.9", "v0.0.9", "or nothing in it"),
    ],
    ids=["another version", "without the v", "no version", "unknown", "empty"],
)
def test_what_does_not_agree_is_refused(root: Path, declared: str, tag: str, said: str) -> None:
    declare(root, declared)

    with pytest.raises(UserError, match=said):
        notes(root, tag)


def test_a_checkout_that_says_no_version_is_refused(root: Path) -> None:
    (root / "pyproject.toml").write_text("[project]\n")
    with pytest.raises(UserError, match="does not say which version"):
        notes(root, "v0.2.0")

    declare(root, "0.2.0")
    (root / "CHANGELOG.md").unlink()
    with pytest.raises(UserError, match="cannot be read"):
        notes(root, "v0.2.0")


def test_the_command_writes_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "release.md"
    project = tmp_path / "project"
    (project / "trust-policy").mkdir(parents=True)
    (project / "recipes").mkdir()
    (project / "trust-policy" / "policy.yaml").touch()
    (project / "CHANGELOG.md").write_text(CHANGELOG)
    declare(project, "0.2.0")

    argv = ["--project", str(project), "ci", "release", "--output", str(file)]
    assert cli.invoke([*argv, "--tag", "v0.2.0"]) == 0
    assert file.read_text().startswith("- One thing.\n")
    assert cli.invoke([*argv, "--tag", "v9"]) == 2
    assert "hint: " in capsys.readouterr().err
