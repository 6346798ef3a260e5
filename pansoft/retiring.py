# SPDX-License-Identifier: BSD-3-Clause
"""Versions that git retires: the policy is asked for those that are published, and they are told of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from builder.evidence.gather import gather
from builder.recipes.recipe import Recipe
from builder.state import State
from catalog.entry import CatalogEntry
from catalog.retired import PATH, RetiredPackage, retired_of, write_retired
from cvmfs.backends.backend import OpenTransaction
from pansoft import decisions, published
from pansoft.consent import Consent
from pansoft.history import history_of
from trust.decisions.decision import Decision, Kind
from trust.evidence import Purpose
from trust.judge import judge
from trust.keys import SigningKey
from trust.policy import TrustPolicy
from trust.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Retiring:
    """The recipes that are applied, of which some say `retire`; what is not applied stays as it is."""

    applied: tuple[Recipe, ...]

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Return those that are to be retired."""
        return tuple(recipe for recipe in self.applied if recipe.retire is not None)


@dataclass(frozen=True, slots=True)
class Retired:
    """All versions that are retired after a publication, what was decided, and what the policy refused.

    `fresh` are those of them that were in use before.
    """

    packages: tuple[RetiredPackage, ...]
    decided: tuple[Decision, ...] = ()
    refused: tuple[Verdict, ...] = ()
    fresh: tuple[RetiredPackage, ...] = ()

    @property
    def keys(self) -> frozenset[tuple[str, str]]:
        """Return name and version of each."""
        return frozenset(item.key for item in self.packages)


def retired_after(
    state: State,
    entries: Sequence[CatalogEntry],
    retiring: Retiring | None,
    *,
    policy: TrustPolicy,
    consent: Consent,
    key: SigningKey,
    repository: str,
    at: datetime,
) -> Retired:
    """Return which versions are retired, after the policy was asked for those that are published.

    Args:
        state: whose repository it is.
        entries: what is published in it.
        retiring: what git says; None leaves everything as it is.
        policy: asked whether a notice was given in time.
        consent: what people say to it.
        key: whose decision it is, where no pipeline is known.
        repository: its name.
        at: now.
    """
    before = {item.key: item for item in published.retired_in(state, at=at)}
    if retiring is None:
        return Retired(tuple(before.values()))
    applied = {(recipe.name, recipe.version) for recipe in retiring.applied}
    there = {(entry.name, entry.version): entry for entry in entries}
    packages = [item for each, item in before.items() if each not in applied]
    decided: list[Decision] = []
    refused: list[Verdict] = []
    fresh: list[RetiredPackage] = []
    for recipe in retiring.recipes:
        mine = (recipe.name, recipe.version)
        if mine in before and (before[mine].since or mine not in there):
            packages.append(before[mine])
        elif mine not in there:
            packages.append(retired_of(recipe, since=None))
        else:
            evidence = consent.about(
                replace(
                    gather(recipe, purpose=Purpose.RETIRE, repository=repository),
                    plan=there[mine].plan,
                    history=history_of(entries, recipe.name),
                )
            )
            verdict = judge(policy, evidence, at=at)
            decided += decisions.of_publishing(state, verdict, evidence, key, kind=Kind.RETIRE)
            if verdict.accepted:
                fresh.append(retired_of(recipe, since=at))
            else:
                refused.append(verdict)
    return Retired((*packages, *fresh), tuple(decided), tuple(refused), tuple(fresh))


def put_retired(tx: OpenTransaction, state: State, retired: Retired, *, at: datetime) -> None:
    """Put the file that tells of them, where there is something to tell."""
    if retired.packages or published.retired_in(state, at=at):
        tx.put_bytes(write_retired(retired.packages), PATH)
