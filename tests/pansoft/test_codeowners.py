# SPDX-License-Identifier: BSD-3-Clause
"""Who reviews what: every path is there, and the trust policy has two groups that look."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def rules() -> list[tuple[str, int, str, tuple[str, ...]]]:
    """Return the rules as section, approvals that it wants, path, owners."""
    found, section, wanted = [], "", 1
    for line in (ROOT / "CODEOWNERS").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if heading := re.fullmatch(r"\[([^]]+)\](?:\[([0-9]+)\])?", line):
            section, wanted = heading[1], int(heading[2] or 1)
            continue
        path, *owners = line.split()
        found.append((section, wanted, path, tuple(owners)))
    return found


@pytest.mark.parametrize("path", [path for _, _, path, _ in rules()])
def test_every_path_is_there(path: str) -> None:
    assert path == "*" or (ROOT / path.strip("/")).exists()
    assert not path.endswith("/") or (ROOT / path.strip("/")).is_dir()


@pytest.mark.parametrize(("path", "owners"), [(path, owners) for _, _, path, owners in rules()])
def test_everything_has_an_owner(path: str, owners: tuple[str, ...]) -> None:
    assert owners, path
    assert all(re.fullmatch(r"@[a-z0-9-]+(/[a-z0-9-]+)*", owner) for owner in owners)


@pytest.mark.parametrize("path", ["/trust-policy/", "/trust/", "/CODEOWNERS", "/recipes/bases/"])
def test_two_groups_look_at_what_decides_over_trust(path: str) -> None:
    ((wanted, owners),) = [(rule[1], rule[3]) for rule in rules() if rule[2] == path]

    assert wanted == 2
    assert len(set(owners)) == 2
