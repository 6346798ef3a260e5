# SPDX-License-Identifier: BSD-3-Clause
"""What was seen of tests whose program was broken: kept as JSON, told as a table and as problems."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from builder.recipes.recipe import Recipe, TestKind
from builder.stages import PlanId
from builder.testing.run import id_of_tests
from core import strict_yaml
from core.canonical import Json, sha256_of
from core.problems import Position, Problem

SCHEMA = 1
"""Raised when a sabotage is made in another way: what was seen is then seen again."""

RULE = "test-proves-nothing"


class Outcome(StrEnum):
    """How a test went whose program was broken."""

    FAILS = "fails"
    """As it should."""
    LATE = "late"
    """As it should, too: it did not end in its time."""
    PASSES = "passes"
    """It proves nothing."""
    NOT_APPLICABLE = "n.a."
    """The sabotage is none for this test, or the test cannot be run here."""
    UNSEEN = "unseen"
    """The test fails with its program, too."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How a test went under one sabotage, and why: what made it fail, or why there was none."""

    outcome: Outcome
    why: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Proven:
    """How one test went without its program, and with commands that do nothing."""

    name: str
    kind: TestKind
    removed: Seen
    mute: Seen

    @property
    def fault(self) -> str | None:
        """Return why the test is no proof, or None."""
        if self.removed.outcome is Outcome.PASSES:
            return "proves nothing: passes without the program"
        if self.mute.outcome is Outcome.PASSES:
            return "proves nothing: passes with mute commands"
        if self.removed.outcome is Outcome.UNSEEN:
            return "proves nothing yet: fails with the program, too"
        return None


@dataclass(frozen=True, slots=True)
class Proof:
    """How all written tests of a recipe went; `way` says where the program was removed."""

    plan: PlanId
    name: str
    version: str
    way: str
    results: tuple[Proven, ...]

    @property
    def holds(self) -> bool:
        """Return whether every test would notice."""
        return all(result.fault is None for result in self.results)

    @property
    def unseen(self) -> bool:
        """Return whether a test was not seen to pass with its program."""
        return any(result.removed.outcome is Outcome.UNSEEN for result in self.results)


def id_of(recipe: Recipe) -> str:
    """Return what says which sabotages of which tests were seen."""
    named = [list(recipe.build.apt), list(recipe.build.pip)]
    return sha256_of({"schema": SCHEMA, "tests": id_of_tests(recipe), "named": named})


def as_json(proof: Proof, *, tests: str | None = None) -> dict[str, Json]:
    """Return a proof as JSON; `tests` is the hash of what was seen, where it is kept."""
    kept: dict[str, Json] = {} if tests is None else {"schema": SCHEMA, "tests": tests}
    return kept | {
        "plan": proof.plan,
        "name": proof.name,
        "version": proof.version,
        "holds": proof.holds,
        "way": proof.way,
        "results": [
            {
                "name": result.name,
                "kind": result.kind,
                "fault": result.fault,
                "removed": _seen_json(result.removed),
                "mute": _seen_json(result.mute),
            }
            for result in proof.results
        ],
    }


def read(file: Path, *, plan: PlanId, tests: str) -> Proof | None:
    """Return the proof that a file holds, if it is about this plan and these tests."""
    try:
        data = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    if data.get("schema") != SCHEMA or data["tests"] != tests:
        return None
    results = tuple(
        Proven(item["name"], TestKind(item["kind"]), _seen(item["removed"]), _seen(item["mute"]))
        for item in data["results"]
    )
    return Proof(plan, data["name"], data["version"], data["way"], results)


def as_text(proofs: Sequence[Proof]) -> str:
    """Return a table for people: a line for each test, and above each package how it was removed."""
    lines = []
    for proof in proofs:
        lines.append(f"{proof.name} {proof.version}, removed: {proof.way}")
        width = max((len(result.name) for result in proof.results), default=0)
        lines += [
            f"    {result.name:<{width}}  removed: {result.removed.outcome:<6}  "
            f"mute: {result.mute.outcome}"
            for result in proof.results
        ]
    return "\n".join(lines)


def problems(proof: Proof, recipe: Recipe) -> tuple[Problem, ...]:
    """Return the tests that prove nothing, with their place in the recipe."""
    document = None
    found = []
    for number, result in enumerate(proof.results):
        if result.fault is None:
            continue
        document = document or strict_yaml.load(recipe.file)
        path = ("tests", number, "name")
        where: Position = document.where(path)
        message = f"'{result.name}' {result.fault}"
        found.append(Problem(where, RULE, message, _hint(result, recipe), field=f"tests.{number}"))
    return tuple(found)


def _hint(result: Proven, recipe: Recipe) -> str:
    if result.removed.outcome is Outcome.UNSEEN:
        return f"first let it pass: pansoft test {recipe.name}"
    if result.removed.outcome is Outcome.PASSES:
        return "call the program in it, and expect what only the program can have printed or made"
    return (
        "expect what the command itself prints or writes, and not what the test prints after it: "
        "a command that does nothing ends with status 0"
    )


def _seen_json(seen: Seen) -> dict[str, Json]:
    return {"outcome": seen.outcome, "why": seen.why, "seconds": seen.seconds}


def _seen(item: dict[str, Any]) -> Seen:
    return Seen(Outcome(item["outcome"]), item["why"], item["seconds"])
