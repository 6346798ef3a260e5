# SPDX-License-Identifier: BSD-3-Clause
"""Rebuilt from its lock in a fresh state, bases included, a recipe gives the same bytes.

Five recipes are tried, others for each commit. They are taken from the demo's whose images are small,
so that the test stays one of a minute; what is left out is tried by `pansoft verify --rebuild`, and
recipes that are not the demo's are made for the first time in test_five_recipes.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from builder.recipes.folders import key_of, recipe_folders
from tests.integration.program import ROOT, Demo, commit, pansoft
from tests.integration.test_build import fresh_state

pytestmark = pytest.mark.needs("apptainer", "mmdebstrap", "mksquashfs", "git")

MANY = 5
MAX_BYTES = 110_000_000  # of an image, its bases included


def chosen(names: Sequence[str], commit: str, count: int = MANY) -> list[str]:
    """Return `count` of the names: the same ones for a commit, others for another."""
    ordered = sorted(names, key=lambda name: hashlib.sha256(f"{commit} {name}".encode()).digest())
    return sorted(ordered[:count])


def test_the_choice_hangs_on_the_commit_alone() -> None:
    names = [f"package-{number}" for number in range(20)]
    choices = {tuple(chosen(names, str(commit))) for commit in range(50)}

    assert chosen(names[::-1], "a") == chosen(names, "a")
    assert len(choices) > 40
    assert {name for choice in choices for name in choice} == set(names)


def test_five_recipes_of_this_commit_give_the_same_images_again(demo: Demo, tmp_path: Path) -> None:
    images = [json.loads(file.read_bytes()) for file in demo.state.glob("images/*/image.json")]
    known = {key_of(folder) for folder in recipe_folders(ROOT)}
    small = {image["name"] for image in images if image["size"] <= MAX_BYTES}
    names = chosen(sorted(small & known), commit())
    print(f"rebuilt at {commit()[:12]}: {', '.join(names)}")  # noqa: T201 - for the log

    first = built(demo.state, names)
    again = built(fresh_state(demo, tmp_path / "again", with_bases=False), names)

    differing = {name: first[name] for name in names if first[name][0] != again[name][0]}
    told = "\n\n".join(difference(demo.state, first[name][1], again[name][1]) for name in differing)
    assert len(names) == MANY
    assert differing == {}, f"of {', '.join(names)} differ {', '.join(differing)}\n\n{told}"


def built(state: Path, names: Sequence[str]) -> dict[str, tuple[str, Path]]:
    """Return the sha256 and the file of each image."""
    done = pansoft("build", "--json", *names, state=state, timeout_s=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    return {item["name"]: (item["sha256"], Path(item["image"])) for item in json.loads(done.stdout)}


def difference(state: Path, one: Path, other: Path) -> str:
    """Return in words how two images differ."""
    done = pansoft("diff", one, other, state=state)
    return done.stdout + done.stderr
