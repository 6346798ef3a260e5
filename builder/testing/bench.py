# SPDX-License-Identifier: BSD-3-Clause
"""Where tests are run: in an image, confined, offline, as an ordinary user, each in a fresh folder.

A test with a window that fails is tried once more, since a screen is shared with time; both tries
are in the report. A test that cannot be run here, for want of a GPU, is reported as not run.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.images import apptainer, sandbox
from builder.images.build_user import BuildUser
from builder.inputs.site import site_of
from builder.recipes.recipe import Need, Recipe, Test, TestKind
from builder.stages import Image, TestAttempt, TestOutcome, TestResult
from builder.state import State
from builder.testing import gpu, smoke
from builder.testing.kinds import KINDS
from builder.testing.trial import HARNESS, Ended, Trial
from core.errors import CommandFailed
from core.files import write_atomic

_OUTPUT_CHARACTERS = 4000
_MOST_KEPT = 1_000_000
_TRIES = {TestKind.GUI: 2}


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the tests of one image are run; `overlays` lie over it, the last one on top."""

    recipe: Recipe
    image: Image
    state: State
    user: BuildUser
    timeout_s: float | None = None
    overlays: tuple[Path, ...] = ()

    def test(self, test: Test, folder: Path, number: int) -> TestResult:
        """Return how a test went, tried again where its kind is; what it left goes into `folder`."""
        if test.kind is TestKind.GPU and gpu.option() is None:
            return TestResult(test.name, test.kind, TestOutcome.NOT_RUN, 0.0, "", gpu.NO_GPU)
        tries: list[_Try] = []
        while not tries or (tries[-1].reason and len(tries) < _TRIES.get(test.kind, 1)):
            tries.append(self._try(test, folder, f"tests/{number}-{len(tries) + 1}"))
        *before, last = tries
        return TestResult(
            name=test.name,
            kind=test.kind,
            outcome=TestOutcome.FAILED if last.reason else TestOutcome.PASSED,
            seconds=last.seconds,
            output=last.output,
            reason=last.reason,
            evidence=last.evidence,
            earlier=tuple(
                TestAttempt(item.seconds, item.output, item.reason or "", item.evidence)
                for item in before
            ),
        )

    def _try(self, test: Test, folder: Path, place: str) -> _Try:
        """Run a test once, in a fresh folder."""
        kind = KINDS[test.kind]
        with self.run(kind.trial(test, self.recipe), gpu_too=test.kind is TestKind.GPU) as done:
            if done.ended is None:
                reason, kept = done.reason, {}
            else:
                reason, kept = kind.fault(test, done.ended), dict(kind.evidence(done.ended))
        if len(done.output) > _OUTPUT_CHARACTERS:
            kept["output.txt"] = done.output[-_MOST_KEPT:].encode("utf-8", "replace")
        for name, content in kept.items():
            write_atomic(folder / place / name, content)
        evidence = tuple(f"{place}/{name}" for name in sorted(kept))
        return _Try(done.seconds, done.output[-_OUTPUT_CHARACTERS:], reason, evidence)

    def smoke(self) -> Sequence[TestResult]:
        """Return how the commands start and whether the modules have their libraries."""
        trial = smoke.trial(self.recipe)
        if trial is None:
            return ()
        uses_gpu = self.recipe.runtime.gpu is not Need.NONE
        with self.run(trial, gpu_too=uses_gpu) as done:
            if done.ended is None or done.ended.status != 0:
                reason = done.reason or "the look at the commands broke off"
                output = done.output[-_OUTPUT_CHARACTERS:]
                return tuple(smoke.failed(self.recipe, reason, seconds=done.seconds, output=output))
            return tuple(smoke.results(self.recipe, done.ended, seconds=done.seconds))

    @contextlib.contextmanager
    def run(self, trial: Trial, *, gpu_too: bool = False) -> Iterator[Run]:
        """Run what a trial asks for in the image; what it left is there for the time of the block."""
        limit_s = (
            trial.timeout_s if self.timeout_s is None else min(self.timeout_s, trial.timeout_s)
        )
        with sandbox.scratch_folder(self.state.scratch, self.user) as scratch:
            work, harness = self.user.own(scratch / "work"), self.user.own(scratch / "harness")
            self._write(trial.files, harness)
            began = time.monotonic()
            try:
                done = apptainer.run_confined(
                    self.image.path,
                    trial.argv,
                    work=work,
                    user=self.user,
                    timeout_s=limit_s,
                    environment={"XDG_RUNTIME_DIR": "/tmp", **trial.environment},  # noqa: S108
                    binds={harness: HARNESS},
                    gpu=gpu.option() if gpu_too else None,
                    overlays=self.overlays,
                    most_written=self._most_written(),
                )
            except CommandFailed as err:
                seconds = round(time.monotonic() - began, 3)
                late = seconds >= limit_s
                why = f"was stopped: it took longer than {limit_s:.0f} s" if late else err.message
                yield Run(seconds, err.stderr, why, None, late=late)
                return
            seconds = round(time.monotonic() - began, 3)
            ended = Ended(done.returncode, done.stdout, done.stderr, harness, work)
            yield Run(seconds, ended.output, None, ended)

    def _most_written(self) -> int:
        """Return the bytes that a test may write: as much as the build of its package."""
        ceiling = site_of(self.state.folder).ceiling
        return self.recipe.build.limits.capped(ceiling).disk << 20

    def _write(self, files: Mapping[str, str], harness: Path) -> None:
        """Write the harness, in folders that the build user may write to as well."""
        for name, text in files.items():
            file = harness / name
            for folder in reversed(file.relative_to(harness).parents[:-1]):
                self.user.own(harness / folder)
            file.write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Run:
    """One run in the image; `ended` is None where it did not end by itself, and `reason` is why.

    `late` says that it was given no more time.
    """

    seconds: float
    output: str
    reason: str | None
    ended: Ended | None
    late: bool = False


@dataclass(frozen=True, slots=True)
class _Try:
    """One try of a test; `reason` is why it failed, `evidence` are the files that were kept."""

    seconds: float
    output: str
    reason: str | None
    evidence: tuple[str, ...]
