# SPDX-License-Identifier: BSD-3-Clause
"""Builds on this machine: several at once, and what fails holds back only what lies on it."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builder.executors.executor import BaseDone, Executor, Failed, Outcome, PackageDone, Plan, Stage
from builder.executors.local import Local
from builder.images.failure import BuildFailed
from builder.images.plan import BasePlan
from builder.recipes.recipe import Source, SourceKind
from builder.state import State
from core.console import Console
from core.errors import UserError
from core.event_log import EventLog
from core.events import Result, read_events
from core.events import Stage as Recorded
from tests.builder.conftest import Builds
from tests.servers import FileServer

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap")


def local(builds: Builds, state: State, *, jobs: int = 2) -> Executor:
    return Local(state, builds.user, Console(quiet=True), jobs)


def said(outcome: Outcome) -> tuple[str, str]:
    match outcome:
        case PackageDone(plan=plan, built=built):
            return plan.name, "built" if built.fresh else "there"
        case BaseDone(plan=base, fresh=fresh):
            return base.name, "built" if fresh else "there"
        case Failed(plan=failed, stage=stage, error=error):
            return failed.name, f"{stage}: {error.message.splitlines()[0]}"


@pytest.fixture
def state(builds: Builds, tmp_path: Path) -> State:
    return builds.beside(tmp_path / "state")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failing_script_does_not_hold_the_others_back(
    builds: Builds, state: State, jobs: int
) -> None:
    plans = [
        builds.plan("exit 7", name="broken"),
        builds.plan("touch $PREFIX/a", name="one"),
        builds.plan("touch $PREFIX/b", name="two"),
    ]

    outcomes = list(local(builds, state, jobs=jobs).run(plans))

    assert sorted(map(said, outcomes)) == [
        ("broken", "build: the recipe's script failed"),
        ("one", "built"),
        ("two", "built"),
    ]


def test_every_plan_leaves_its_event(
    builds: Builds, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BuildFailed("the script failed\n    the log", hint="", fault="network")

    file = tmp_path / "events.jsonl"
    events = EventLog(file, trace="t", verb="build", at=datetime.now(UTC), warn=pytest.fail)
    monkeypatch.setattr("builder.executors.local.build", refuse)
    plan, held = builds.plan("true", name="one"), builds.plan("true", name="held")
    held = replace(held, base=broken_base(held.base))
    executor = Local(state, builds.user, Console(quiet=True), 1, events=events)

    outcomes = list(executor.run([plan, held]))

    assert len(outcomes) == 2
    found = read_events([file]).events
    said = {(item.stage, item.package, item.result, item.rule) for item in found}
    assert said == {
        (Recorded.FETCH, None, Result.FAILED, None),
        (Recorded.BASE, "held", Result.FAILED, None),
        (Recorded.BASE, plan.base.name, Result.REUSED, None),
        (Recorded.BUILD, "one", Result.FAILED, "network"),
    }
    messages = {item.package: item.message for item in found}
    assert messages["one"] == "the script failed"
    assert (messages["held"] or "").startswith(f"held back by its base {held.base.name}: ")


def test_builds_run_at_once(builds: Builds, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = threading.Barrier(2)

    def meet(*_: object, **__: object) -> None:
        meeting.wait(60)
        raise UserError("we met")

    monkeypatch.setattr("builder.executors.local.build", meet)
    plans = [builds.plan("true", name=name) for name in ("one", "two")]

    outcomes = list(local(builds, state).run(plans))

    assert sorted(map(said, outcomes)) == [("one", "build: we met"), ("two", "build: we met")]


def broken_base(base: BasePlan) -> BasePlan:
    """Return a base whose first package no archive has."""
    first, *others = base.lock.system
    missing = replace(first, sha256="0" * 64, path="pool/no/such.deb")
    return replace(base, lock=replace(base.lock, system=(missing, *others)))


def test_a_base_that_cannot_be_made_holds_back_what_lies_on_it_only(
    builds: Builds, state: State
) -> None:
    base = broken_base(builds.base)
    plans: list[Plan] = [
        replace(builds.plan("true", name="above"), base=base),
        base,
        builds.plan("touch $PREFIX/a", name="beside"),
    ]

    outcomes = list(local(builds, state).run(plans))

    assert {name: how.split(":")[0] for name, how in map(said, outcomes)} == {
        "above": Stage.BASE,
        "debian-12": Stage.FETCH,
        "beside": "built",
    }


def test_an_input_that_cannot_be_had_fails_its_package_only(
    builds: Builds, state: State, server: FileServer
) -> None:
    nowhere = Source(SourceKind.URL, server.url("/archive.tar.gz"), "0" * 64)
    plans = [
        builds.plan("true", name="lacks", sources=(nowhere,)),
        builds.plan("touch $PREFIX/a", name="has"),
    ]

    outcomes = list(local(builds, state).run(plans))

    assert {name: how.split(":")[0] for name, how in map(said, outcomes)} == {
        "lacks": Stage.FETCH,
        "has": "built",
    }


def test_a_base_is_an_outcome_where_it_was_asked_for(builds: Builds, state: State) -> None:
    assert list(map(said, local(builds, state).run([builds.base]))) == [("debian-12", "there")]


def test_the_same_plan_twice_is_one_outcome(builds: Builds, state: State) -> None:
    plan = builds.plan("touch $PREFIX/a")

    assert list(map(said, local(builds, state).run([plan, plan]))) == [("tiny", "built")]
    assert list(map(said, local(builds, state).run([plan]))) == [("tiny", "there")]


def test_a_bug_of_ours_rises(builds: Builds, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("builder.executors.local.build", broken)

    with pytest.raises(ZeroDivisionError):
        list(local(builds, state).run([builds.plan("true")]))
