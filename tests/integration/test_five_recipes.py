# SPDX-License-Identifier: BSD-3-Clause
"""Five of all recipes are built, tested, signed, published and verified for real, others for each commit.

The demo does the same with its own selection each time, so the five are taken from the rest. They
stand on a base that the demo has built, and need little that would have to be fetched, so that the test
stays one of a few minutes. That every recipe is checked, planned and judged is tests/test_recipes.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.images.plan import BuildPlan
from builder.inputs.apt import DebianPackage
from builder.recipes import load
from builder.recipes.recipe import DEFAULT_LIMITS, Install
from core.console import Console
from pansoft import workspace
from pansoft.context import Context
from pansoft.demo import PACKAGES
from tests.integration.program import ROOT, Demo, commit, copy_of, pansoft
from tests.integration.test_rebuild import MANY, chosen

pytestmark = pytest.mark.needs("apptainer", "mmdebstrap", "mksquashfs", "gpg")

MAX_DEBIAN_BYTES = 50_000_000
MAX_OTHERS = 8  # a lock has no size of a wheel; who needs many needs large ones


def is_small(plan: BuildPlan) -> bool:
    """Return whether the inputs of a plan are fetched and installed in a minute or less."""
    debian = [item.size for item in plan.inputs if isinstance(item, DebianPackage)]
    return sum(debian) <= MAX_DEBIAN_BYTES and len(plan.inputs) - len(debian) <= MAX_OTHERS


def candidates(state: Path) -> list[str]:
    """Return the recipes of which five are made: small ones on bases that a state has."""
    context = Context(project=ROOT, state=state, console=Console(quiet=True))
    plans = [
        workspace.plan_of(context, recipe)
        for recipe in load.load_all(ROOT)
        if recipe.install is Install.PUBLISHER
        and recipe.retire is None
        and recipe.name not in PACKAGES
        and recipe.build.limits == DEFAULT_LIMITS
    ]
    bases = {file.parent.name for file in state.glob("bases/*/base.json")}
    return [plan.key for plan in plans if plan.base.id in bases and is_small(plan)]


def test_five_recipes_of_this_commit_come_the_whole_way(demo: Demo, tmp_path: Path) -> None:
    state = copy_of(demo.state, tmp_path / "state")
    names = chosen(candidates(state), commit())
    print(f"made at {commit()[:12]}: {', '.join(names)}")  # noqa: T201 - for the log
    assert len(names) == MANY

    # all five are looked at afterwards: none may go for want of room
    applied = pansoft("apply", "--keep", "50G", *names, state=state, timeout_s=1800)
    assert applied.returncode == 0, applied.stdout + applied.stderr

    planned = json.loads(pansoft("plan", "--json", *names, state=state).stdout)
    assert [item["status"] for item in planned] == ["published"] * MANY
    for item in planned:
        verified = pansoft("verify", state / "signed" / item["id"], state=state)
        assert verified.returncode == 0, verified.stderr
        assert f"{item['name']} {item['version']}: accepted" in verified.stdout
    assert pansoft("repo", "check", state=state).returncode == 0
