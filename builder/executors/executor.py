# SPDX-License-Identifier: BSD-3-Clause
"""What every executor is given, and what it yields: plans, and how each of them went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from builder.images.base import Base
from builder.images.built import Built
from builder.images.plan import BasePlan, BuildPlan
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch, locked_in
from builder.state import State
from core.console import Console
from core.errors import UserError
from core.event_log import NOWHERE, EventLog, Note
from core.events import Stage as Recorded
from core.events import in_a_line

Plan: TypeAlias = BuildPlan | BasePlan


class Stage(StrEnum):
    """Where a build can fail: at its inputs, at the base below it, or itself."""

    FETCH = "fetch"
    BASE = "base"
    BUILD = "build"


@dataclass(frozen=True, slots=True)
class PackageDone:
    """A package whose image is there."""

    plan: BuildPlan
    built: Built


@dataclass(frozen=True, slots=True)
class BaseDone:
    """A base that was asked for and is there; `fresh` is whether it was built just now."""

    plan: BasePlan
    base: Base
    fresh: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """A plan that could not be built: at which stage, and why."""

    plan: Plan
    stage: Stage
    error: UserError


Outcome: TypeAlias = PackageDone | BaseDone | Failed


class Executor(Protocol):
    """Builds plans somewhere; what one of them lacks does not hold the others back."""

    def run(self, plans: Sequence[Plan]) -> Iterator[Outcome]:
        """Yield one outcome for every plan, in the order in which they end.

        Bases are made as packages need them, and have an outcome only where they were asked for.

        Raises:
            UserError: nothing can be built at all.
        """
        ...


@dataclass(frozen=True, slots=True)
class Identified:
    """A plan with its id, and the bases it lies on by theirs, the lowest first; of a base, itself last.

    An id is the hash of all that a plan names: with a thousand plans each is made once.
    """

    plan: Plan
    id: str
    layers: Mapping[str, BasePlan]

    @property
    def base(self) -> str:
        """Return the id of the base right below a package; of a base, its own."""
        return list(self.layers)[-1]


def identified(plans: Sequence[Plan]) -> dict[str, Identified]:
    """Return plans by their ids, each once."""
    found: dict[str, Identified] = {}
    for plan in plans:
        layers = {layer.id: layer for layer in base_of(plan).layers}
        key = list(layers)[-1] if isinstance(plan, BasePlan) else plan.id
        found[key] = Identified(plan, key, layers)
    return found


def base_is_built(base: str, state: State) -> bool:
    """Return whether the base with this id is there already."""
    return (state.base(base) / "base.json").is_file()


def bring_inputs(
    plans: Sequence[Identified], state: State, *, console: Console, events: EventLog = NOWHERE
) -> list[Failed]:
    """Fetch all inputs of plans at once, those of bases to be made as well; return who lacks theirs."""
    if not plans:
        return []
    cache = InputCache(state.inputs)
    bases = {item.base: item.layers[item.base] for item in plans}
    if state.local is None:  # else other machines make theirs, and may not be able to fetch
        bases = {key: base for key, base in bases.items() if not base_is_built(key, state)}
    inputs = [item for base in bases.values() for item in base.lock.inputs]
    packages = [item.plan for item in plans if isinstance(item.plan, BuildPlan)]
    try:
        with events.stage(Recorded.FETCH) as note:
            done = fetch(
                [*inputs, *(item for plan in packages for item in plan.inputs)],
                cache,
                console=console,
            )
            note.bytes = done.bytes
            note.reused(not done.downloaded)
    except UserError:
        lacking = _who_lacks_inputs(plans, bases, cache, console)
        for failed in lacking:
            tell_failed(events, failed)
        return lacking
    return []


def tell_failed(events: EventLog, failed: Failed) -> None:
    """Record that a plan came no further, and why; a base that holds it back is named."""
    plan, note = failed.plan, Note()
    note.ended_with(failed.error)
    if failed.stage is Stage.BASE and isinstance(plan, BuildPlan):
        note.message = in_a_line(f"held back by its base {plan.base.name}: {note.message}")
    events.tell(Recorded(failed.stage), note, *named(plan))


def named(plan: Plan) -> tuple[str, str | None, str]:
    """Return what the event log calls a plan: name, version and id; a base has no version."""
    return plan.name, plan.version if isinstance(plan, BuildPlan) else None, plan.id


def base_of(plan: Plan) -> BasePlan:
    """Return the base that a package is built on; of a base, itself."""
    return plan if isinstance(plan, BasePlan) else plan.base


def _who_lacks_inputs(
    plans: Sequence[Identified], bases: dict[str, BasePlan], cache: InputCache, console: Console
) -> list[Failed]:
    """Return the plans whose own inputs, or those of whose base, cannot be had."""
    broken: dict[str, UserError] = {}
    for key, base in bases.items():
        try:
            locks = locked_in(f"recipes/bases/{base.name}/lock.json", base.lock.inputs)
            fetch(base.lock.inputs, cache, console=console, locks=locks)
        except UserError as err:
            broken[key] = err
    failed: list[Failed] = []
    for item in plans:
        plan, base_error = item.plan, broken.get(item.base)
        if base_error is not None:
            failed.append(
                Failed(plan, Stage.BASE if isinstance(plan, BuildPlan) else Stage.FETCH, base_error)
            )
        elif isinstance(plan, BuildPlan):
            try:
                locks = locked_in(f"{plan.place}/lock.json", plan.inputs)
                fetch(plan.inputs, cache, console=console, locks=locks)
            except UserError as err:
                failed.append(Failed(plan, Stage.FETCH, err))
    return failed
