# SPDX-License-Identifier: BSD-3-Clause
"""A published version comes into the channel that git says, with the bytes that it has."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.state import State
from core.console import Console
from pansoft import decisions, loop, planning, published, target, workspace
from pansoft.cli import invoke
from pansoft.commands.apply import status_of, tell
from pansoft.context import Context
from pansoft.journal import runs_in
from pansoft.loop import LoopReport
from pansoft.planning import Status
from tests.builder.conftest import Builds
from tests.real_projects import real_project
from trust.decisions.decision import Kind
from trust.decisions.log import read_log

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "mmdebstrap")

# Later than any key that these tests make, however long the tests before them took.
AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
LATER = AT + timedelta(days=8)


@pytest.fixture(scope="module")
def first(builds: Builds, tmp_path_factory: pytest.TempPathFactory) -> Context:
    folder = tmp_path_factory.mktemp("promoting")
    project = real_project(folder / "project")
    context = Context(project, builds.beside(folder / "state").folder, Console(quiet=True))
    assert apply(context).failures == ()
    return context


@pytest.fixture
def context(first: Context, tmp_path: Path) -> Context:
    """Return a copy of a project whose one package is published in testing, and of its state."""
    project = Path(shutil.copytree(first.project, tmp_path / "project"))
    state = Path(shutil.copytree(first.state, tmp_path / "state", symlinks=True))
    return Context(project, state, Console(quiet=True))


def apply(context: Context, at: datetime = AT) -> LoopReport:
    return loop.apply(context, workspace.recipes_named(context, []), at=at, jobs=1)


def say_stable(context: Context) -> None:
    """Let the recipe say that its package is for the channel stable."""
    file = context.project / "recipes" / "plotter" / "recipe.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        f'{text}release:\n  channel: stable\n  supported_until: "2099-12-31"\n', encoding="utf-8"
    )


def ask_for_a_week(context: Context) -> None:
    """Let the policy ask of local repositories as well for a week in testing."""
    file = context.project / "trust-policy" / "policy.yaml"
    text = file.read_text(encoding="utf-8")
    start = text.index("  promotion:")
    end = text.index("audiences: [public, partners]", start)
    file.write_text(
        text[:end] + text[end:].replace("[public, partners]", "[public, partners, local]", 1),
        encoding="utf-8",
    )


def files_of(context: Context) -> dict[str, object]:
    """Return what holds each file of the repository, by its path."""
    with target.read(State(context.state), at=LATER) as reader:
        return {
            entry.path: (entry.content_hash, entry.chunks)
            for entry in reader.walk()
            if not entry.is_directory
        }


def test_a_promotion_moves_commands_and_not_a_byte_of_the_image(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(context)
    say_stable(context)
    [line] = planning.overview(context, [], at=AT)
    assert line.status is Status.PROMOTED
    assert line.why.endswith("in testing, git says stable")

    report = apply(context, LATER)

    assert report.brought == ()
    tell(report)
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "promoted plotter 5.4.4 to stable"
    after = files_of(context)
    image = {path for path in before if path.startswith("images/plotter/")}
    entry = "images/plotter/5.4.4/entry.json"
    assert {path for path in image if before[path] != after.get(path)} == {entry}
    assert "testing/bin/plot" in before
    assert "testing/bin/plot" not in after
    assert "stable/bin/plot" in after
    [told] = published.entries_in(State(context.state), at=LATER)
    assert (told.channel, told.supported_until) == ("stable", "2099-12-31")
    assert told.promoted == LATER.strftime("%Y-%m-%dT%H:%M:%SZ")
    run = runs_in(State(context.state).journal)[-1]
    assert [revision.packages for revision in run.published] == [("plotter 5.4.4 to stable",)]


def test_a_promotion_is_done_once(context: Context) -> None:
    say_stable(context)
    apply(context, LATER)

    again = apply(context, LATER + timedelta(minutes=1))

    assert again.outcome is not None
    assert not again.outcome.publication.is_new
    assert [item.status for item in again.planned] == [Status.PUBLISHED]


def test_the_policy_decides_when_it_comes(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    say_stable(context)
    ask_for_a_week(context)

    early = apply(context, AT + timedelta(days=3))
    tell(early)

    assert status_of(early) == 3
    assert early.outcome is not None
    assert [finding.rule for finding in early.outcome.refused[0].refusals] == ["soak-time"]
    assert "plotter 5.4.4: the policy leaves it in the channel" in capsys.readouterr().err
    [stays] = early.outcome.entries
    assert stays.channel == "testing"

    late = apply(context, LATER)

    assert late.outcome is not None
    assert [entry.channel for entry in late.outcome.promoted] == ["stable"]
    state = State(context.state)
    with target.read(state, at=LATER) as reader:
        log = read_log(
            decisions.reading(reader), public_keys=loop.policy_of(context, state).public_keys
        )
    assert log is not None
    said = [link.entry.decision for link in log.links]
    assert [each.accepted for each in said if each.kind is Kind.PROMOTE] == [False, True]


def test_what_would_be_moved_is_shown_and_not_done(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    say_stable(context)
    where = ["--project", str(context.project), "--state", str(context.state)]
    before = files_of(context)

    assert invoke([*where, "apply", "--dry-run"]) == 0

    shown = capsys.readouterr().out
    assert "promoted   plotter 5.4.4" in shown
    assert "1 to be promoted" in shown
    assert "images/plotter/5.4.4/entry.json" in shown
    assert files_of(context) == before


def test_why_says_which_channel_it_is_in(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    say_stable(context)
    where = ["--project", str(context.project), "--state", str(context.state)]

    assert invoke([*where, "plan", "--why", "plotter"]) == 0
    assert "plotter 5.4.4: promoted, published on " in capsys.readouterr().out
    assert invoke([*where, "plan", "--why", "plotter", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["before"]["channel"]) == ("promoted", "testing")
