# SPDX-License-Identifier: BSD-3-Clause
"""Builds on this machine, at most so many at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from builder.executors.executor import (
    BaseDone,
    Failed,
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
from builder.images.base import Base, ensure_base
from builder.images.build import DEFAULT, BuildOptions, build
from builder.images.build_user import BuildUser
from builder.images.plan import BasePlan, BuildPlan
from builder.state import State
from core.console import Console
from core.errors import UserError
from core.event_log import NOWHERE, EventLog
from core.events import Stage as Recorded


@dataclass(frozen=True, slots=True)
class Local:
    """Builds in `jobs` threads of this process: what takes the time are the programs they run."""

    state: State
    user: BuildUser
    console: Console
    jobs: int
    options: BuildOptions = DEFAULT
    events: EventLog = NOWHERE

    def run(self, plans: Sequence[Plan]) -> Iterator[Outcome]:
        """Yield how each plan went, in the order in which they end."""
        wanted = list(identified(plans).values())
        lacking = bring_inputs(wanted, self.state, console=self.console, events=self.events)
        yield from lacking
        stuck = [failed.plan for failed in lacking]
        ready = [item for item in wanted if not any(item.plan is plan for plan in stuck)]
        asked = {item.id for item in ready if isinstance(item.plan, BasePlan)}
        packages = [item for item in ready if isinstance(item.plan, BuildPlan)]
        bases = {item.base: item.layers[item.base] for item in ready}

        with _Workers(min(self.jobs, len(ready))) as workers:
            for key, base in bases.items():
                workers.add(_Task(self, base, key))
            for task in workers.finished():
                if isinstance(task.plan, BuildPlan):
                    yield task.outcome
                    continue
                if task.id in asked:
                    yield task.outcome
                for item in packages:
                    if item.base != task.id:
                        continue
                    if isinstance(task.outcome, Failed):
                        held_back = Failed(item.plan, Stage.BASE, task.outcome.error)
                        tell_failed(self.events, held_back)
                        yield held_back
                    else:
                        workers.add(_Task(self, item.plan, item.id))


@dataclass(slots=True)
class _Task:
    """One plan to be built by a thread; `run` leaves the outcome, or the bug that it met."""

    executor: Local
    plan: Plan
    id: str
    result: Outcome | BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._build()
        except UserError as err:
            self.result = Failed(self.plan, Stage.BUILD, err)
        except BaseException as bug:  # noqa: BLE001 - rises in the thread that waits for it
            self.result = bug

    def _build(self) -> Outcome:
        state, user, console = self.executor.state, self.executor.user, self.executor.console
        with console.task(self.plan.key):
            events, options = self.executor.events, self.executor.options
            if isinstance(self.plan, BuildPlan):
                with events.stage(Recorded.BUILD, *named(self.plan)) as note:
                    made = build(self.plan, state, user=user, console=console, options=options)
                    note.bytes = made.image.delta_size if made.fresh else 0
                    note.reused(not made.fresh)
                return PackageDone(self.plan, made)
            with events.stage(Recorded.BASE, *named(self.plan)) as note:
                fresh = not base_is_built(self.id, state)
                base: Base = ensure_base(self.plan, state, user=user, console=console)
                note.bytes = base.size if fresh else 0
                note.reused(not fresh)
            return BaseDone(self.plan, base, fresh)

    @property
    def outcome(self) -> Outcome:
        """Return how it went; a bug of ours rises here."""
        assert self.result is not None  # noqa: S101 - for mypy: it has run
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


class _Workers:
    """Threads that run tasks. They die with the program: nobody waits for them who was interrupted.

    What they were building dies as well, since the programs of a build die with who started them.
    """

    def __init__(self, count: int) -> None:
        self._todo: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        # bounded: who takes nothing more has enough images on the disk, and the threads wait
        self._done: queue.Queue[_Task] = queue.Queue(maxsize=max(1, count))
        self._open = 0
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]

    def __enter__(self) -> _Workers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for _thread in self._threads:
            self._todo.put(None)

    def add(self, task: _Task) -> None:
        """Let a task be run."""
        self._open += 1
        self._todo.put(task)

    def finished(self) -> Iterator[_Task]:
        """Yield every task as it ends, until there is none left; more may be added meanwhile."""
        while self._open:
            task = self._done.get()
            self._open -= 1
            yield task

    def _work(self) -> None:
        while (task := self._todo.get()) is not None and not self._stopped.is_set():
            task.run()
            self._done.put(task)
