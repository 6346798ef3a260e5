# SPDX-License-Identifier: BSD-3-Clause
"""Whether a recipe's tests would notice a broken program: each is run again where it has to fail.

A test that passes without the program, or while its commands do nothing, proves nothing. What was
found is kept by plan, and holds as long as neither the plan nor the tests change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from builder.images import sandbox
from builder.images.base import ensure_base
from builder.images.build_user import BuildUser
from builder.images.plan import BuildPlan
from builder.recipes.recipe import Recipe, Test, TestKind
from builder.stages import Image, TestOutcome, TestReport, TestResult
from builder.state import State
from builder.testing import proofs, sabotage
from builder.testing.bench import Bench
from builder.testing.kinds import KINDS
from builder.testing.proofs import Outcome, Proof, Proven, Seen
from builder.testing.sabotage import CALLED, Broken
from builder.testing.trial import left
from core.canonical import readable_json
from core.console import Console
from core.errors import UserError
from core.files import write_atomic

_LEAST_S = 10.0
_TIMES = 3
_SCREEN_S = 20.0
"""What a test with a window gets beyond its wait, so that its harness says what it saw."""


def prove(
    recipe: Recipe,
    plan: BuildPlan,
    image: Image,
    report: TestReport,
    state: State,
    *,
    user: BuildUser,
    console: Console,
) -> Proof:
    """Return what each written test of a recipe does without its program, also kept in the state.

    Args:
        recipe: whose tests they are.
        plan: what its image is made of.
        image: the image.
        report: how its tests went in it; what took how long there decides how long is waited here.
        state: where its base is.
        user: who runs tests.
        console: where it says which test it is at.

    Raises:
        UserError: the base cannot be had, or does not start.
    """
    base = ensure_base(plan.base, state, user=user, console=console)
    bench = Bench(recipe, image, state, user)
    names = [PurePosixPath(program).name for program in sabotage.mutable(recipe)]

    def calls(test: Test) -> bool:
        texts = (test.run, test.prepare, test.cell)
        return any(name in text for text in texts if text for name in names)

    with (
        sandbox.scratch_folder(state.scratch, user) as without,
        sandbox.scratch_folder(state.scratch, user) as silent,
    ):
        console.status(f"{recipe.name}: taking its program away")
        broken = _Sabotages(
            removed=sabotage.removed(bench, plan, base, without),
            mute=sabotage.mute(bench, silent) if any(map(calls, recipe.tests)) else None,
        )
        results = []
        for test, result in zip(recipe.tests, report.results, strict=False):  # then the smoke tests
            console.status(f"{recipe.name} without its program: {test.name}")
            results.append(_proven(test, result, broken, calls=calls(test)))
    way = broken.removed.way
    proof = Proof(plan.id, recipe.name, recipe.version, way, tuple(results))
    if not proof.unseen:
        text = readable_json(proofs.as_json(proof, tests=proofs.id_of(recipe)))
        write_atomic(state.proof(plan.id), text)
    return proof


def known_proof(recipe: Recipe, image: Image, state: State) -> Proof | None:
    """Return what was found of exactly these tests and this plan before, if anything was."""
    return proofs.read(state.proof(image.plan), plan=image.plan, tests=proofs.id_of(recipe))


def patience_s(result: TestResult) -> float:
    """Return how long a test may take without its program, from what it took with it."""
    return max(_LEAST_S, _TIMES * result.seconds)


@dataclass(frozen=True, slots=True)
class _Sabotages:
    """A recipe's program in its two broken states; `mute` is None where nothing can be mute."""

    removed: Broken
    mute: Broken | None


def _proven(test: Test, result: TestResult, broken: _Sabotages, *, calls: bool) -> Proven:
    """Return how a test goes that went like `result` with its program; `calls` a command, maybe."""
    if result.outcome is not TestOutcome.PASSED:
        is_open = result.outcome is TestOutcome.FAILED
        why = "fails as it is" if is_open else result.reason or ""
        seen = Seen(Outcome.UNSEEN if is_open else Outcome.NOT_APPLICABLE, why)
        return Proven(test.name, test.kind, seen, seen)
    limit_s = patience_s(result)
    without = _seen(test, broken.removed, limit_s=limit_s)
    if broken.mute is None or not calls:
        why = "calls no command that could be mute"
        return Proven(test.name, test.kind, without, Seen(Outcome.NOT_APPLICABLE, why))
    return Proven(test.name, test.kind, without, _seen(test, broken.mute, limit_s=limit_s))


def _seen(test: Test, broken: Broken, *, limit_s: float) -> Seen:
    """Run a test where its program is broken, for no longer than `limit_s`.

    Raises:
        UserError: it was not even begun.
    """
    bench = replace(broken.bench, timeout_s=limit_s)
    if test.kind is TestKind.GUI:
        test = replace(test, timeout_s=math.ceil(limit_s))
        bench = replace(bench, timeout_s=limit_s + _SCREEN_S)
    kind = KINDS[test.kind]
    with bench.run(kind.trial(test, bench.recipe), gpu_too=test.kind is TestKind.GPU) as done:
        if done.late:
            return Seen(Outcome.LATE, f"did not end in {limit_s:.0f} s", done.seconds)
        if done.ended is None or left(done.ended.harness, "began") is None:
            raise UserError(
                f"the image does not start without its program: {done.reason or done.output}",
                hint="run the same command again; if it stays so, it is a fault of pansoft",
            )
        reason = kind.fault(test, done.ended)
        if reason is not None:
            return Seen(Outcome.FAILS, reason, done.seconds)
        if broken.leaves_mark and left(done.ended.harness, CALLED) is None:
            return Seen(Outcome.NOT_APPLICABLE, "calls no command that could be mute", done.seconds)
    return Seen(Outcome.PASSES, broken.way, done.seconds)
