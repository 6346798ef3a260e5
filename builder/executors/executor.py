# SPDX-License-Identifier: BSD-3-Clause
"""What every executor is given, and what it yields: plans, and how each of them went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from builder.images.base import Base
from builder.images.built import Built
from builder.images.plan import BasePlan, BuildPlan
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch
from builder.state import State
from core.console import Console
from core.errors import UserError

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


def base_is_built(plan: BasePlan, state: State) -> bool:
    """Return whether a base is there already."""
    return (state.base(plan.id) / "base.json").is_file()


def bring_inputs(plans: Sequence[Plan], state: State, *, console: Console) -> list[Failed]:
    """Fetch all inputs of plans at once, those of bases to be made as well; return who lacks theirs."""
    cache = InputCache(state.inputs)
    bases = {base.id: base for plan in plans if not base_is_built(base := base_of(plan), state)}
    inputs = [item for base in bases.values() for item in base.lock.inputs]
    packages = [plan for plan in plans if isinstance(plan, BuildPlan)]
    try:
        fetch(
            [*inputs, *(item for plan in packages for item in plan.inputs)], cache, console=console
        )
    except UserError:
        return _who_lacks_inputs(plans, bases, cache, console)
    return []


def base_of(plan: Plan) -> BasePlan:
    """Return the base that a package is built on; of a base, itself."""
    return plan if isinstance(plan, BasePlan) else plan.base


def _who_lacks_inputs(
    plans: Sequence[Plan], bases: dict[str, BasePlan], cache: InputCache, console: Console
) -> list[Failed]:
    """Return the plans whose own inputs, or those of whose base, cannot be had."""
    broken: dict[str, UserError] = {}
    for base in bases.values():
        try:
            fetch(base.lock.inputs, cache, console=console)
        except UserError as err:
            broken[base.id] = err
    failed: list[Failed] = []
    for plan in plans:
        base_error = broken.get(base_of(plan).id)
        if base_error is not None:
            failed.append(
                Failed(plan, Stage.BASE if isinstance(plan, BuildPlan) else Stage.FETCH, base_error)
            )
        elif isinstance(plan, BuildPlan):
            try:
                fetch(plan.inputs, cache, console=console)
            except UserError as err:
                failed.append(Failed(plan, Stage.FETCH, err))
    return failed
