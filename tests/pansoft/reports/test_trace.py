# SPDX-License-Identifier: BSD-3-Clause
"""The id of a run: who says it, and what is not believed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builder.executors.slurm_cli import Options
from core.console import Console
from core.errors import UserError
from core.event_log import EventLog
from pansoft import workspace
from pansoft.context import Context
from pansoft.executors import Choice, Kind, slurm_of
from pansoft.reports.trace import trace_of

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("given", "environment", "trace"),
    [
        ("mine", {"PANSOFT_TRACE": "other"}, "mine"),
        (None, {"PANSOFT_TRACE": "night-7", "TRACEPARENT": PARENT}, "night-7"),
        (None, {"TRACEPARENT": PARENT, "CI_PIPELINE_ID": "12"}, ID),
        (None, {"TRACEPARENT": PARENT.replace("00-", "cc-", 1) + "-more"}, ID),
        (None, {"CI_PIPELINE_ID": "4711"}, "pipeline-4711"),
        (None, {"TRACEPARENT": "nonsense", "CI_PIPELINE_ID": "4711"}, "pipeline-4711"),
    ],
    ids=["option", "variable", "trace context", "a later trace context", "pipeline", "no context"],
)
def test_the_first_who_says_it_is_believed(
    given: str | None, environment: dict[str, str], trace: str
) -> None:
    assert trace_of(given, environment) == trace


@pytest.mark.parametrize(
    "parent",
    [
        "",
        PARENT.upper(),
        PARENT.replace("00-", "ff-", 1),
        PARENT.replace(ID, "0" * 32),
        PARENT.replace("00f067aa0ba902b7", "0" * 16),
        PARENT[:-3],
        f" {PARENT}",
        f"{PARENT}\n",
    ],
)
def test_without_one_that_is_well_formed_a_run_has_an_id_of_its_own(parent: str) -> None:
    environment = {"TRACEPARENT": parent, "CI_PIPELINE_ID": "12; rm"}
    one, other = trace_of(None, environment), trace_of(None, environment)

    assert re.fullmatch("[0-9a-f]{32}", one)
    assert one not in (other, ID)


@pytest.mark.parametrize(("given", "environment"), [("a b", {}), (None, {"PANSOFT_TRACE": "../x"})])
def test_what_somebody_chose_wrongly_is_refused(
    given: str | None, environment: dict[str, str]
) -> None:
    with pytest.raises(UserError, match="id of a run"):
        trace_of(given, environment)


def test_jobs_of_a_cluster_are_told_the_id_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "builder_of", lambda _: None)
    events = EventLog(
        tmp_path / "log", trace="night-7", verb="apply", at=datetime.now(UTC), warn=pytest.fail
    )
    context = Context(tmp_path, tmp_path / "state", Console(quiet=True), events=events)

    slurm = slurm_of(context, Choice(Kind.SLURM, None, Options()))

    assert slurm.program[-2:] == ("--trace", "night-7")
    assert slurm.events is events
