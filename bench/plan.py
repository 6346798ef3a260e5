# SPDX-License-Identifier: BSD-3-Clause
"""What `pansoft plan` costs with a thousand recipes: the first time, and every time after it.

    make bench NAME=plan

The recipes are those of this repository with their locks, again and again under other names. Beside
it, in the same run: reading the same files with plain PyYAML and `json`, which checks nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measuring import answer
from builder.recipes.folders import BASES, VERSIONS, is_kept, recipe_folders
from core import process

ROOT = Path(__file__).resolve().parent.parent
_PLAIN = """
import json, pathlib, sys, yaml
for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    if folder.name != "bases":
        yaml.safe_load((folder / "recipe.yaml").read_bytes())
        json.loads((folder / "lock.json").read_bytes())
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a program took: seconds by the clock and of the processor, and bytes at most."""

    wall: float
    cpu: float
    memory: int


def main() -> None:
    """Measure, and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", type=int, default=1000)
    count = parser.parse_args().recipes
    with tempfile.TemporaryDirectory(prefix="bench-plan-") as folder:
        project, state = make_project(Path(folder) / "project", count), Path(folder) / "state"
        state.mkdir()
        plan = [
            sys.executable, "-m", "pansoft", "--project", str(project),
            "--state", str(state), "plan",
        ]  # fmt: skip
        rows = {
            "plain PyYAML and json": run([sys.executable, "-c", _PLAIN, str(project / "recipes")]),
            "pansoft plan, the first time": run(plan),
            "pansoft plan, again": run(plan),
        }
        commit_all(project)
        recipe = recipe_folders(project)[0] / "recipe.yaml"
        recipe.write_text(recipe.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
        rows["pansoft plan, one recipe edited"] = run(plan)
        rows["pansoft plan --since, the same"] = run([*plan, "--since", "HEAD"])
    print(f"{f'{count} recipes':34}{'wall s':>9}{'cpu s':>9}{'MB at most':>12}")
    for name, row in rows.items():
        print(f"{name:34}{row.wall:>9.2f}{row.cpu:>9.2f}{row.memory / 1e6:>12.0f}")
    plain, again = rows["plain PyYAML and json"], rows["pansoft plan, again"]
    ratios = {
        f"plan-{count}.cpu": round(again.cpu / plain.cpu, 4),
        f"plan-{count}.wall": round(again.wall / plain.wall, 4),
        f"plan-{count}.memory": round(again.memory / plain.memory, 4),
    }
    figures = {
        name: {"wall": round(row.wall, 2), "cpu": round(row.cpu, 2), "memory": row.memory}
        for name, row in rows.items()
    }
    print(answer("plan", figures=figures, ratios=ratios))


def make_project(folder: Path, count: int) -> Path:
    """Write a project of `count` recipes, each a copy of one of this repository with its lock.

    Those that name another package are left out: under another name it is not there.
    """
    recipes = folder / "recipes"
    shutil.copytree(ROOT / "trust-policy", folder / "trust-policy")
    shutil.copytree(ROOT / "recipes" / BASES, recipes / BASES)
    originals = [
        place
        for place in recipe_folders(ROOT)
        if (place / "lock.json").is_file()
        and not is_kept(place)
        and "replaced_by:" not in (place / "recipe.yaml").read_text(encoding="utf-8")
    ]
    for number in range(count):
        original = originals[number % len(originals)]
        name = f"{original.name}-{number}"
        copy = recipes / name
        shutil.copytree(original, copy, ignore=shutil.ignore_patterns(VERSIONS))
        text = (copy / "recipe.yaml").read_text(encoding="utf-8")
        (copy / "recipe.yaml").write_text(
            text.replace(f"\nname: {original.name}\n", f"\nname: {name}\n", 1), encoding="utf-8"
        )
        lock = json.loads((copy / "lock.json").read_bytes())
        (copy / "lock.json").write_text(json.dumps(lock | {"name": name}, indent=2) + "\n")
    return folder


def commit_all(project: Path) -> None:
    """Let a project be a git repository with one commit, as a merge request leaves one."""
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    for line in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "all"]):
        process.run(["git", *who, *line], reason="make a repository", cwd=project)


def run(argv: Sequence[str]) -> Run:
    """Run a program to its end and return what it took."""
    before = time.perf_counter()
    running = process.start(argv, reason="measure it", cwd=ROOT)
    _, status, usage = os.wait4(running.pid, 0)
    wall = time.perf_counter() - before
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode != 0:
        raise SystemExit(f"status {running.returncode}: {' '.join(argv)}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


if __name__ == "__main__":
    main()
