# SPDX-License-Identifier: BSD-3-Clause
"""A real cluster, and projects whose recipes are built on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from builder.executors.executor import Outcome
from builder.executors.slurm import Slurm
from builder.executors.slurm_cli import Options
from builder.state import State
from core.console import Console
from pansoft import workspace
from pansoft.context import Context
from tests.builder.conftest import Builds
from tests.real_projects import PLOT, add_recipe, real_project
from tests.slurm_cluster import Cluster, slurm_cluster


@dataclass(frozen=True, slots=True)
class Submitting:
    """A project and a state, and what was said while it was built on the cluster."""

    project: Path
    state: State
    builds: Builds
    said: StringIO

    @property
    def program(self) -> tuple[str, ...]:
        """Return the command line of pansoft for them."""
        return (
            *(sys.executable, "-m", "pansoft", "--project", str(self.project)),
            *("--state", str(self.state.folder)),
            *(("--local", str(self.state.local)) if self.state.local else ()),
        )

    def slurm(self, partition: str = "build") -> Slurm:
        """Return the executor."""
        console = Console(self.said)
        options = Options(partition=partition)
        return Slurm(self.state, self.builds.user, console, self.program, options)

    def build(self, *names: str, partition: str = "build") -> dict[str, Outcome]:
        """Return how the builds of these recipes went."""
        context = Context(self.project, self.state.folder, Console(quiet=True))
        plans = workspace.plans_named(context, names)
        return {end.plan.name: end for end in self.slurm(partition).run(plans)}

    def cancel(self, *names: str) -> int:
        """Return how many jobs were cancelled."""
        context = Context(self.project, self.state.folder, Console(quiet=True))
        return self.slurm().cancel(workspace.plans_named(context, names))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster that runs for all tests, and that programs of this process find."""
    with (
        slurm_cluster(tmp_path_factory.mktemp("slurm")) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("SLURM_CONF", str(running.conf))
        yield running


@pytest.fixture
def here(builds: Builds, tmp_path: Path) -> Submitting:
    """Return a project with the recipe `plotter` and nothing built."""
    return submitting(builds, tmp_path)


def submitting(builds: Builds, folder: Path, *names: str) -> Submitting:
    """Return a project with the recipe `plotter`, and more that do the same, and nothing built."""
    project = real_project(folder / "a project")
    for name in names:
        add_recipe(project, name, PLOT)
    return Submitting(project, builds.beside(folder / "a state"), builds, StringIO())
