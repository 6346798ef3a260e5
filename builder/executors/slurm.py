# SPDX-License-Identifier: BSD-3-Clause
"""Builds on a SLURM cluster: one job for each base to be made, and arrays of packages behind it.

The state folder is shared by all nodes; a job builds into it as a build here would. What was
submitted is written down before it is: a command that was stopped is run again, finds its jobs and
follows them. Jobs that the controller has forgotten are judged by what they left.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.executors import slurm_cli as cli
from builder.executors import slurm_ends, slurm_journal
from builder.executors.executor import (
    BaseDone,
    Failed,
    Identified,
    Outcome,
    PackageDone,
    Plan,
    Stage,
    base_is_built,
    bring_inputs,
    identified,
    named,
    tell_failed,
)
from builder.executors.slurm_cli import JobId, Options, Seen, TaskKey
from builder.executors.slurm_journal import Array, Open, Run, Task
from builder.images.base import ensure_base
from builder.images.build_user import BuildUser
from builder.images.built import Built, read_built
from builder.images.plan import BasePlan, BuildPlan
from builder.stages import PlanId
from builder.state import State
from core.console import Console
from core.errors import CommandFailed, UserError
from core.event_log import NOWHERE, EventLog, Note
from core.events import Result
from core.events import Stage as Recorded
from core.files import exclusive_lock, shared_lock

SCRIPT = Path(__file__).parent / "slurm_job.sh"
SHORTEST_POLL_S, LONGEST_POLL_S = 0.5, 15.0
LATE_FILES_S = 90.0  # a network file system shows a file of another node a minute late
CONTROLLER_AWAY_S = 900.0
_BASE = "base-"
_GOES_BY = frozenset({
    "None", "", "Priority", "Resources", "Dependency", "JobArrayTaskLimit", "BeginTime",
    "Cleaning", "Prolog",
})  # fmt: skip
"""Reasons to wait that pass without anybody doing something."""


@dataclass(frozen=True, slots=True)
class Slurm:
    """Builds in jobs of a cluster.

    Args:
        state: the run state, in a folder that every node sees under the same name.
        user: who would build here; only reads bases that are built.
        console: whom to talk to.
        program: the command line of pansoft with project and state, as the nodes can run it.
        options: what the site wants of jobs.
        at_once: how many tasks of an array may run at the same time; None for all.
        build_arguments: of `pansoft build` in each job.
        events: records what no job can: a job of `program` records what it builds.
    """

    state: State
    user: BuildUser
    console: Console
    program: tuple[str, ...]
    options: Options
    at_once: int | None = None
    build_arguments: tuple[str, ...] = ()
    events: EventLog = NOWHERE

    def run(self, plans: Sequence[Plan]) -> Iterator[Outcome]:
        """Yield how each plan went, in the order in which they end.

        Raises:
            UserError: SLURM is not here or does not take the jobs.
        """
        cli.need_slurm()
        self._check_bases(plans)
        wanted = identified(plans)
        for item in list(wanted.values()):
            if (done := self._done(item)) is not None:
                del wanted[item.id]
                stage = Recorded.BUILD if isinstance(item.plan, BuildPlan) else Recorded.BASE
                self.events.tell(stage, Note(Result.REUSED), *named(item.plan))
                yield done
        with self._journal(wanted) as runs:
            known = self._open(runs)
        new = [item for item in wanted.values() if item.id not in known]
        for lacking in bring_inputs(new, self.state, console=self.console, events=self.events):
            del wanted[lacking.plan.id]
            yield lacking
        if not wanted:
            return
        with self._journal(wanted) as runs:
            known = self._open(runs)
            self._submit([item for item in wanted.values() if item.id not in known], known)
            known = self._open(slurm_journal.read_runs(self.state.slurm))
        try:
            with shared_lock(self.state.in_use):
                yield from _Following(self, wanted, known).outcomes()
        except KeyboardInterrupt:
            self.console.say(
                "the jobs go on: the same command follows them again, with --cancel it ends them"
            )
            raise

    def try_out(self, plans: Sequence[Plan]) -> Iterator[str]:
        """Yield each `sbatch` that would be run and what SLURM says to it; nothing is submitted."""
        cli.need_slurm()
        self._check_bases(plans)
        missing = [item for item in identified(plans).values() if self._done(item) is None]
        for label, tasks, _after in self._groups(missing, {}):
            array = cli.Array(f"pansoft-{label}", len(tasks), self.at_once, SCRIPT, (), "/dev/null")
            names = ", ".join(task.name for task in tasks)
            said = cli.try_out(array, self.options)
            yield f"{names}\n    {shlex.join(cli.submit_command(array, self.options))}\n    {said}"

    def cancel(self, plans: Sequence[Plan]) -> int:
        """Cancel the jobs of these plans, and return of how many packages and bases."""
        cli.need_slurm()
        wanted = set(identified(plans))
        with self._journal(wanted) as runs:
            known = self._open(runs)
            chosen = [task for plan, task in known.items() if plan in wanted]
            others = {task.task.base for plan, task in known.items() if plan not in wanted}
            for plan in {task.task.base for task in chosen} - others:
                if plan in known and plan not in wanted:
                    chosen.append(known[plan])  # a base that nobody else waits for
            cli.cancel([task.key for task in chosen if task.key is not None])
            for task in chosen:
                task.array.tell(task.number)
        return sum(task.task.plan in wanted for task in chosen)

    def _check_bases(self, plans: Sequence[Plan]) -> None:
        """Refuse to make a base on a node that keeps it to itself."""
        if self.state.local is not None and any(isinstance(plan, BasePlan) for plan in plans):
            raise UserError(
                "with --local each node makes its bases itself, when it first needs them",
                hint="name packages only",
            )

    @contextlib.contextmanager
    def _journal(self, wanted: Collection[str]) -> Iterator[tuple[Run, ...]]:
        """Give what was submitted and nobody was told of; nobody else submits for the time of the block.

        Runs that nobody waits for any more, and that have no job left, are removed.
        """
        lock = self.state.locks / "slurm"
        with exclusive_lock(lock, purpose="submit jobs", wait=True):
            runs = slurm_journal.read_runs(self.state.slurm)
            names = [array.name for run in runs if not run.is_told for array in run.arrays]
            alive = {job for (job, _), seen in cli.queue(names).items() if not seen.has_ended}
            kept = []
            for run in runs:
                is_waited_for = not run.is_told and any(
                    array.job in alive or array.job is None or task.plan in wanted
                    for array in run.arrays
                    for task in array.tasks
                )
                if is_waited_for:
                    kept.append(_completed(run))
                else:
                    slurm_journal.remove_run(run)
            yield tuple(kept)

    def _open(self, runs: Sequence[Run]) -> dict[str, Open]:
        """Return the task of each plan that was submitted and that nobody was told of."""
        return {task.task.plan: task for task in slurm_journal.open_tasks(runs)}

    def _submit(self, plans: Sequence[Identified], known: Mapping[str, Open]) -> None:
        """Submit what builds these plans, all or nothing; bases that are on their way are waited for."""
        if not plans:
            return
        groups = list(self._groups(plans, known))
        names = {key: layer.name for item in plans for key, layer in item.layers.items()}
        names |= {item.id: item.plan.key for item in plans}
        run = slurm_journal.new_run(
            self.state.slurm,
            [(label, tasks) for label, tasks, _ in groups],
            program=shlex.join(self.program),
            commands={plan: self._command(name) for plan, name in names.items()},
        )
        jobs = {plan: task.array.job for plan, task in known.items()}
        try:
            for array, (label, tasks, after) in zip(run.arrays, groups, strict=True):
                job = cli.submit(
                    self._array(array, jobs.get(after) if after else None), self.options
                )
                run = run.taken(array, job)
                jobs |= {task.plan: job for task in tasks}
                self.console.say(f"submitted {_names(label, tasks)} as job {job}")
        except BaseException:
            taken = [task.key for task in slurm_journal.open_tasks([run]) if task.key is not None]
            cli.cancel(taken)
            slurm_journal.remove_run(run)
            raise

    def _groups(
        self, plans: Sequence[Identified], known: Mapping[str, Open]
    ) -> Iterator[tuple[str, tuple[Task, ...], str | None]]:
        """Yield the arrays to submit: what to call each, its tasks, and the base that it waits for."""
        bases = {key: layer for item in plans for key, layer in item.layers.items()}
        below = {key: _below(key, item) for item in plans for key in item.layers}
        missing = {key for key in bases if not base_is_built(key, self.state)}
        if self.state.local is not None:
            missing = set()  # each node makes its own, when it first needs them
        for key, base in bases.items():
            if key in missing and key not in known:
                on = below[key] if below[key] in missing else None
                yield f"{_BASE}{base.name}", (Task(key, base.name, on),), on
        largest = cli.largest_array()
        for key, base in bases.items():
            tasks = [
                Task(item.id, item.plan.key, key)
                for item in plans
                if item.base == key and item.id != key
            ]
            after = key if key in missing else None
            for start in range(0, len(tasks), largest):
                yield base.name, tuple(tasks[start : start + largest]), after

    def _array(self, array: Array, after: JobId | None) -> cli.Array:
        return cli.Array(
            name=array.name,
            size=len(array.tasks),
            at_once=self.at_once,
            script=SCRIPT,
            arguments=(str(array.folder), array.token),
            log=f"{array.folder}/%a.log",
            after=after,
        )

    def _command(self, name: str) -> str:
        """Return the command line that builds one plan here: what a job runs, and a person can paste."""
        return shlex.join(
            [*self.program, "build", name, "--jobs", "1", "--json", *self.build_arguments]
        )

    def _done(self, item: Identified, *, fresh: bool = False) -> Outcome | None:
        """Return the outcome of a plan that is built; `fresh` is whether a job of ours just did it."""
        plan = item.plan
        if isinstance(plan, BuildPlan):
            there = read_built(PlanId(item.id), self.state)
            if there is None:
                return None
            return PackageDone(plan, Built(there.image, there.findings, fresh=fresh))
        if not base_is_built(item.id, self.state):
            return None
        base = ensure_base(plan, self.state, user=self.user, console=self.console)
        return BaseDone(plan, base, fresh)


class _Following:
    """Watches tasks until each has ended."""

    def __init__(
        self, slurm: Slurm, wanted: Mapping[str, Identified], known: Mapping[str, Open]
    ) -> None:
        self.slurm = slurm
        self.wanted = wanted
        self.known = known
        bases = {key: base for item in wanted.values() for key, base in item.layers.items()}
        self.items = {**identified(list(bases.values())), **wanted}
        self.open = {plan for plan in known if plan in self.items}
        self.ended_at: dict[str, float] = {}
        self.told: set[tuple[str, str]] = set()
        self.last_answer = time.monotonic()

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcome of each wanted plan as its task ends."""
        pause = SHORTEST_POLL_S
        before: Counter[str] = Counter()
        while self.open & self.wanted.keys():
            seen = self._look()
            count = len(self.open)
            if seen is not None:
                yield from self._new_ends(seen)
                states = self._talk(seen)
                pause = SHORTEST_POLL_S if states != before or count != len(self.open) else pause
                before = states
            if self.open & self.wanted.keys():
                time.sleep(pause)
                pause = min(pause * 1.3, LONGEST_POLL_S)

    def _look(self) -> Mapping[TaskKey, Seen] | None:
        """Return every task as SLURM sees it; None while the controller does not answer.

        Raises:
            UserError: it has not answered for long.
        """
        names = sorted({self.known[plan].array.name for plan in self.open})
        try:
            seen = dict(cli.queue(names))
        except CommandFailed as err:
            away = time.monotonic() - self.last_answer
            if ("controller", "away") not in self.told:
                self.told.add(("controller", "away"))
                self.slurm.console.say("SLURM's controller does not answer; the jobs are not lost")
            if away < CONTROLLER_AWAY_S:
                return None
            raise UserError(
                f"SLURM's controller has not answered for {away / 60:.0f} minutes: {err.message}",
                hint="the jobs are written down: run the same command again when it is back",
            ) from err
        self.last_answer = time.monotonic()
        self.told.discard(("controller", "away"))
        keys = [self.known[plan].key for plan in self.open]
        gone = {JobId(key[0]) for key in keys if key and cli.seen_of(key, seen) is None}
        return {**cli.history(sorted(gone)), **seen}

    def _new_ends(self, seen: Mapping[TaskKey, Seen]) -> Iterator[Outcome]:
        """Yield the outcome of each task that ended since the last look; bases go before packages."""
        for plan in sorted(self.open, key=lambda plan: plan in self.wanted):
            if plan not in self.open:
                continue  # held back by one before it
            task = self.known[plan]
            now = None if task.key is None else cli.seen_of(task.key, seen)
            if now is not None and not now.has_ended:
                continue
            outcome = self._outcome(plan, task, now)
            if outcome is None:
                continue
            self.open.discard(plan)
            if plan in self.wanted:
                yield outcome
            task.array.tell(task.number)
            if isinstance(outcome, Failed) and isinstance(outcome.plan, BasePlan):
                yield from self._hold_back(plan, outcome)

    def _outcome(self, plan: str, task: Open, now: Seen | None) -> Outcome | None:
        item = self.items[plan]
        answer = task.array.answer(task.number)
        done = self.slurm._done(item, fresh=answer is None or answer.get("fresh") is True)
        if done is not None:
            return done
        since = self.ended_at.setdefault(plan, time.monotonic())
        patient = time.monotonic() - since < LATE_FILES_S
        error = slurm_ends.why(task, now, patient=patient)
        if error is None:
            return None
        failed = Failed(item.plan, _stage_of(answer), error)
        if answer is None:  # it was killed before it could record anything
            tell_failed(self.slurm.events, failed)
        return failed

    def _hold_back(self, base: str, outcome: Failed) -> Iterator[Failed]:
        """Yield the plans that lie on a base which could not be made, and cancel their jobs."""
        held = {plan for plan in self.open if plan != base and base in self.items[plan].layers}
        keys = [self.known[plan].key for plan in held]
        cli.cancel([key for key in keys if key is not None])
        for plan in sorted(held):
            self.open.discard(plan)
            if plan in self.wanted:
                held_back = Failed(self.wanted[plan].plan, Stage.BASE, outcome.error)
                tell_failed(self.slurm.events, held_back)
                yield held_back
            self.known[plan].array.tell(self.known[plan].number)

    def _talk(self, seen: Mapping[TaskKey, Seen]) -> Counter[str]:
        """Say how things stand, and what waits for something that does not pass by itself."""
        states: Counter[str] = Counter()
        for plan in self.open:
            task = self.known[plan]
            now = None if task.key is None else cli.seen_of(task.key, seen)
            if now is None:
                continue
            states[now.state.lower()] += 1
            if now.state == "PENDING" and now.reason not in _GOES_BY:
                mark = (task.array.name, now.reason)
                if mark not in self.told:
                    self.told.add(mark)
                    self.slurm.console.say(f"job {task.array.job} waits: {now.reason}")
        self.slurm.console.status(
            "jobs: " + ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        )
        return states


def _below(base: str, item: Identified) -> str | None:
    """Return the id of the base right below another one."""
    layers = list(item.layers)
    place = layers.index(base)
    return layers[place - 1] if place else None


def _completed(run: Run) -> Run:
    """Return a run with the jobs that SLURM took just before the command that submitted them died."""
    for array in run.arrays:
        if array.job is not None:
            continue
        job = cli.number_of(array.name)
        if job is not None:
            run = run.taken(array, job)
            continue
        for number in range(len(array.tasks)):
            array.tell(number)  # never submitted: it is submitted anew
    return run


def _stage_of(answer: Mapping[str, object] | None) -> Stage:
    """Return the stage that a job says it failed at."""
    said = str(answer.get("failed")) if answer is not None else ""
    return Stage(said) if said in set(Stage) else Stage.BUILD


def _names(label: str, tasks: Sequence[Task]) -> str:
    if label.startswith(_BASE):
        return f"the base {tasks[0].name}"
    return tasks[0].name if len(tasks) == 1 else f"{len(tasks)} packages on {label}"
