# SPDX-License-Identifier: BSD-3-Clause
"""Builds on a real cluster of two nodes: what is built, what fails and why, and what is stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from builder.executors import slurm
from builder.executors.executor import Failed, Identified, Outcome, PackageDone, Stage
from builder.images.built import Built
from builder.state import State
from core import process
from core.errors import CommandFailed, UserError
from pansoft import cli
from pansoft.cli import CHECKOUT
from tests.builder.conftest import Builds
from tests.builder.executors.conftest import Submitting, submitting
from tests.real_projects import PLOT, add_broken_base, add_recipe
from tests.slurm_cluster import PROGRAMS, Cluster, wait_for

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap", *PROGRAMS)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a node folders of its own")

Ends = dict[str, Outcome]


def done(outcome: Outcome) -> Built:
    assert isinstance(outcome, PackageDone), outcome
    return outcome.built


def failed(outcome: Outcome) -> Failed:
    assert isinstance(outcome, Failed), outcome
    return outcome


class InTheBackground(threading.Thread):
    """A build in another thread, whose outcome `ends` waits for."""

    def __init__(self, build: Callable[[], Ends]) -> None:
        super().__init__(daemon=True)
        self._build = build
        self._ends: Ends = {}
        self.start()

    def run(self) -> None:
        self._ends = self._build()

    def ends(self) -> Ends:
        """Return how the build went."""
        self.join(120)
        assert not self.is_alive()
        return self._ends


@pytest.fixture(scope="session")
def mixed(
    builds: Builds, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Submitting, Ends]:
    """Return how a run went of two good recipes, a failing one, one on a base that fails, and a slow one.

    The time limit of the slow one is a second from when it runs; SLURM looks twice a minute.
    """
    here = submitting(builds, tmp_path_factory.mktemp("mixed"), "other")
    add_recipe(here.project, "slow", "sleep 600")
    add_recipe(here.project, "broken", "seq 1 40; echo 'no rule to make it' >&2; exit 4")
    add_broken_base(here.project, "debian-odd")
    add_recipe(here.project, "above", PLOT, base="debian-odd")
    before = cluster.states()
    building = InTheBackground(lambda: here.build("slow", "plotter", "other", "broken", "above"))
    wait_for(lambda: any(map(is_slow, here.state.slurm.glob("run-*/*/0.log"))))
    [log] = filter(is_slow, here.state.slurm.glob("run-*/*/0.log"))
    job = json.loads((log.parents[1] / "run.json").read_text())["arrays"][int(log.parent.name)][
        "job"
    ]
    assert f"{job}_0" not in before
    cluster.ask("scontrol", "update", f"JobId={job}_0", "EndTime=now+1")
    return here, building.ends()


def is_slow(log: Path) -> bool:
    return " build slow " in log.read_text()


def test_packages_are_built_on_both_nodes(mixed: tuple[Submitting, Ends]) -> None:
    here, ends = mixed

    assert done(ends["plotter"]).fresh
    assert done(ends["other"]).fresh
    assert done(ends["other"]).image.path.is_file()
    nodes = {file.read_text().strip() for file in here.state.slurm.glob("run-*/*/*.node")}
    assert nodes == {"n1", "n2"}


def test_the_image_is_the_one_that_is_built_here(
    mixed: tuple[Submitting, Ends], builds: Builds, tmp_path: Path
) -> None:
    _, ends = mixed
    end = ends["plotter"]
    assert isinstance(end, PackageDone)

    elsewhere = builds.build(end.plan, builds.beside(tmp_path / "state"))

    assert elsewhere.image.sha256 == end.built.image.sha256


def test_a_failing_script_is_told_with_the_end_of_its_log_and_its_node(
    mixed: tuple[Submitting, Ends],
) -> None:
    _, ends = mixed

    end = failed(ends["broken"])

    lines = end.error.message.splitlines()
    assert end.stage is Stage.BUILD
    assert lines[0] == "the recipe's script failed"
    assert "    no rule to make it" in lines
    assert lines[-1].startswith("    (job ")
    assert lines[-1].endswith((" on n1)", " on n2)"))
    assert "pansoft log broken" in str(end.error.hint)


def test_a_base_that_cannot_be_made_holds_back_what_lies_on_it_only(
    mixed: tuple[Submitting, Ends],
) -> None:
    _, ends = mixed

    end = failed(ends["above"])

    assert end.stage is Stage.BASE
    assert "installing the minimal system" in end.error.message
    assert isinstance(ends["plotter"], PackageDone)


def test_a_job_that_runs_into_its_time_limit_is_told_how_to_get_more(
    mixed: tuple[Submitting, Ends],
) -> None:
    _, ends = mixed

    end = failed(ends["slow"])

    assert "ran into its time limit" in end.error.message
    assert "--time" in str(end.error.hint)


def test_the_next_run_removes_what_was_told_and_submits_nothing_for_what_is_built(
    mixed: tuple[Submitting, Ends],
) -> None:
    here, _ = mixed
    said = here.said.getvalue()

    assert not done(here.build("plotter", "other")["plotter"]).fresh

    assert here.said.getvalue() == said
    assert list(here.state.slurm.glob("run-*")) == []


@pytest.fixture
def closed(cluster: Cluster) -> Cluster:
    """Return the cluster while no job of the partition may start."""
    cluster.set_partition(is_open=False)
    return cluster


@pytest.fixture(autouse=True)
def _open_again(request: pytest.FixtureRequest) -> object:
    yield
    if "closed" in request.fixturenames:
        request.getfixturevalue("cluster").set_partition(is_open=True)


def new_jobs(cluster: Cluster, before: dict[str, str]) -> dict[str, str]:
    return {task: state for task, state in cluster.states().items() if task not in before}


def test_a_job_that_is_cancelled_by_somebody_is_told_so(here: Submitting, closed: Cluster) -> None:
    before = closed.states()
    building = InTheBackground(lambda: here.build("plotter"))
    wait_for(lambda: len(new_jobs(closed, before)) == 1)
    [task] = new_jobs(closed, before)

    closed.ask("scancel", task)

    end = failed(building.ends()["plotter"])
    assert end.error.message == f"job {task} was cancelled"
    assert end.error.hint == "run the same command again: it submits what is missing"


def test_a_killed_command_is_run_again_and_finds_its_jobs(
    here: Submitting, closed: Cluster
) -> None:
    before = closed.states()
    command = [*here.program, "build", "plotter", "--executor", "slurm", "--partition", "build"]
    first = process.start(command, reason="build", cwd=CHECKOUT, env=closed.environment)
    wait_for(lambda: set(new_jobs(closed, before).values()) == {"PENDING"})
    wait_for(
        lambda: '"job": "' in "".join(map(Path.read_text, here.state.slurm.glob("*/run.json")))
    )
    os.kill(first.pid, signal.SIGKILL)
    first.wait()

    building = InTheBackground(lambda: here.build("plotter"))
    wait_for(lambda: "waits: PartitionDown" in here.said.getvalue())
    closed.set_partition(is_open=True)

    assert done(building.ends()["plotter"]).fresh
    assert list(new_jobs(closed, before).values()) == ["COMPLETED"]
    assert "submitted" not in here.said.getvalue()


def test_a_command_killed_before_it_wrote_down_the_job_finds_it_by_name(
    here: Submitting, closed: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = closed.states()

    def killed(*_: object) -> None:
        raise _KilledError

    with monkeypatch.context() as patch:
        patch.setattr("builder.executors.slurm_journal.Run.taken", killed)
        patch.setattr("builder.executors.slurm_cli.cancel", lambda *_: None)
        patch.setattr("builder.executors.slurm_journal.remove_run", lambda *_: None)
        with pytest.raises(_KilledError):
            here.build("plotter")
    closed.set_partition(is_open=True)

    assert done(here.build("plotter")["plotter"]).fresh
    assert len(new_jobs(closed, before)) == 1


class _KilledError(Exception):
    """Stands for SIGKILL at a place of our choice."""


def test_nothing_of_the_callers_environment_goes_with_a_job(
    here: Submitting, closed: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET_TOKEN", "hunter2")
    before = closed.states()
    building = InTheBackground(lambda: here.build("plotter"))
    wait_for(lambda: len(new_jobs(closed, before)) == 1)

    spooled = list((closed.folder / "controller").rglob("environment"))

    assert spooled
    assert not [file for file in spooled if b"hunter2" in file.read_bytes()]
    assert here.cancel("plotter") == 1
    failed(building.ends()["plotter"])


def test_jobs_are_cancelled_on_demand(here: Submitting, closed: Cluster) -> None:
    before = closed.states()
    building = InTheBackground(lambda: here.build("plotter"))
    wait_for(lambda: len(new_jobs(closed, before)) == 1)

    assert here.cancel("plotter") == 1
    assert here.cancel("plotter") == 0

    assert "was cancelled" in failed(building.ends()["plotter"]).error.message
    assert list(new_jobs(closed, before).values()) == ["CANCELLED"]


def test_the_controller_may_be_restarted_meanwhile(here: Submitting, closed: Cluster) -> None:
    before = closed.states()
    building = InTheBackground(lambda: here.build("plotter"))
    wait_for(lambda: len(new_jobs(closed, before)) == 1)

    closed.stop_controller()
    wait_for(lambda: "controller does not answer" in here.said.getvalue())
    closed.start_controller()
    closed.set_partition(is_open=True)

    assert done(building.ends()["plotter"]).fresh


def test_jobs_that_the_controller_forgot_are_judged_by_what_they_left(
    builds: Builds, tmp_path: Path, closed: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = submitting(builds, tmp_path, "other")
    monkeypatch.setattr(slurm, "LATE_FILES_S", 0.5)
    before = closed.states()
    building = InTheBackground(lambda: here.build("plotter", "other"))
    wait_for(lambda: len(new_jobs(closed, before)) == 2)

    closed.stop_controller(forgets=True)
    process.run([*here.program, "build", "plotter"], reason="build by hand", cwd=CHECKOUT)
    closed.start_controller()

    ends = building.ends()
    assert done(ends["plotter"]).image.path.is_file()
    assert "does not know job" in failed(ends["other"]).error.message


@as_root
def test_a_node_that_does_not_see_the_state_folder_is_named(
    builds: Builds, cluster: Cluster
) -> None:
    here = submitting(builds, cluster.unshared)

    end = failed(here.build("plotter", partition="apart")["plotter"])

    assert end.error.message.startswith("n3 does not see the state folder")
    assert "--state DIR" in str(end.error.hint)


@as_root
def test_a_node_where_nobody_may_map_user_ids_is_named_with_what_it_lacks(
    here: Submitting, cluster: Cluster
) -> None:
    end = failed(here.build("plotter", partition="apart")["plotter"])

    assert "n3 lacks: user namespaces are refused" in end.error.message
    assert str(end.error.hint).startswith("on n3: ")


def test_a_recipe_that_is_changed_after_it_was_submitted_is_not_built_as_something_else(
    here: Submitting, closed: Cluster
) -> None:
    before = closed.states()
    building = InTheBackground(lambda: here.build("plotter"))
    wait_for(lambda: len(new_jobs(closed, before)) == 1)
    recipe = here.project / "recipes" / "plotter" / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("echo plotted", "echo differently"))

    closed.set_partition(is_open=True)

    assert "was changed after job" in failed(building.ends()["plotter"]).error.message


def test_nodes_keep_builds_and_bases_on_disks_of_their_own(
    here: Submitting, cluster: Cluster, tmp_path: Path
) -> None:
    disk = tmp_path / "disk of the node"
    disk.mkdir()
    (disk / "bases").symlink_to(here.builds.state.folder / "bases")
    (here.state.folder / "bases").unlink()
    local = replace(here, state=State(here.state.folder, disk))

    end = local.build("plotter")["plotter"]

    assert done(end).fresh
    assert {item.name for item in disk.iterdir()} == {"bases", "locks", "scratch"}
    assert not (here.state.folder / "scratch").exists()
    assert local.said.getvalue().count("submitted") == 1
    with pytest.raises(UserError, match="each node makes its bases itself"):
        local.build("debian-12")


def run(here: Submitting, *arguments: str) -> int:
    return cli.invoke([*here.program[3:], "build", "plotter", "--executor", "slurm", *arguments])


@pytest.mark.needs("gpg")
def test_apply_publishes_what_the_cluster_built(
    here: Submitting, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    status = cli.invoke([*here.program[3:], "apply", "plotter", "--executor", "slurm"])

    said = capsys.readouterr()
    assert status == 0, said.err
    assert "submitted plotter as job" in said.err
    assert said.out.startswith("published 1 package as revision")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--partition", "nosuch"), "Batch job submission failed: Invalid partition name"),
        (("--time", "soon"), "Invalid --time specification"),
        (("--memory", "900G"), "Batch job submission failed: Requested node"),
    ],
    ids=lambda value: value[0].strip("-") if isinstance(value, tuple) else "",
)
def test_what_slurm_does_not_take_is_told_in_its_words(
    here: Submitting,
    cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    option: tuple[str, str],
    words: str,
) -> None:
    assert run(here, *option) == 2

    said = capsys.readouterr().err
    assert f"SLURM does not take the jobs: {words}" in said
    assert "submitted" not in said
    assert list(here.state.slurm.glob("run-*")) == []


def test_a_dry_run_shows_what_would_be_submitted_and_when_it_would_start(
    here: Submitting, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(here, "--dry-run", "--partition", "build", "--cpus", "1", "--jobs", "3") == 0

    said = capsys.readouterr().out
    assert "--array=0-0%3 " in said
    assert "--export=NONE " in said
    assert "--partition=build --cpus-per-task=1" in said
    assert "to start at" in said
    assert not here.state.slurm.exists()


def test_thousands_of_packages_are_a_few_arrays(here: Submitting, cluster: Cluster) -> None:
    names = [f"p{number}" for number in range(2500)]
    plan = here.builds.plan("true")
    plans = {
        name: Identified(replace(plan, name=name), name, {"a base": plan.base}) for name in names
    }

    groups = list(here.slurm()._groups(list(plans.values()), {}))

    assert [(label, len(tasks), after) for label, tasks, after in groups] == [
        ("base-debian-12", 1, None),
        ("debian-12", 1001, "a base"),
        ("debian-12", 1001, "a base"),
        ("debian-12", 498, "a base"),
    ]
    assert [task.name for _, tasks, _ in groups[1:] for task in tasks] == names


def test_without_slurm_it_says_where_to_run_this(
    here: Submitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "which", lambda _: None)

    with pytest.raises(UserError) as caught:
        here.build("plotter")

    assert (
        caught.value.message
        == "sbatch is not installed; it is needed to submit builds to a cluster"
    )
    assert "login node" in str(caught.value.hint)


def test_without_a_controller_the_words_are_those_of_slurm(
    here: Submitting, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "slurm.conf"
    conf.write_text(re.sub(r"SlurmctldPort=\d+", "SlurmctldPort=9", cluster.conf.read_text()))
    monkeypatch.setenv("SLURM_CONF", str(conf))

    with pytest.raises(CommandFailed) as caught:
        here.build("plotter")

    assert "could not ask for the largest array" in caught.value.message
    assert caught.value.hint == "does SLURM work here? try: sinfo"
