# SPDX-License-Identifier: BSD-3-Clause
"""A host for tests that fetch and lock, whose apt and pip know one server on this machine; and a
real base, built once, for tests that build on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builder.images import apptainer
from builder.images.base import ensure_base
from builder.images.build import DEFAULT, BuildOptions, build
from builder.images.build_user import BuildUser, build_user
from builder.images.built import Built
from builder.images.plan import BasePlan, BuildPlan, read_base_plan
from builder.images.sandbox import scratch_folder
from builder.state import State
from core.console import Console
from core.process import SYSTEM_PATH, Completed
from tests.packages import apt_host
from tests.servers import FileServer, file_server

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[FileServer]:
    """Return a server without files."""
    with file_server() as running:
        yield running


@pytest.fixture
def host(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """Return the one server that this host's apt (/debian) and pip (/simple) are configured for."""
    for name in list(os.environ):
        if name.startswith("PIP_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("PANSOFT_SITE", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", server.url("/simple"))
    for name, value in apt_host(tmp_path / "host", server.url("/debian")).items():
        monkeypatch.setenv(name, value)
    return server


@dataclass(frozen=True, slots=True)
class Builds:
    """A state with one real base in it, built once for all tests that build on it."""

    state: State
    base: BasePlan
    user: BuildUser

    def plan(self, script: str | None = None, *, name: str = "tiny", **more: Any) -> BuildPlan:
        """Return a plan of a package on the base."""
        empty: dict[str, Any] = dict.fromkeys(("debian", "tools", "python", "sources", "files"), ())
        given = {**empty, "environment": (("PATH", f"/opt/{name}/bin:{SYSTEM_PATH}"),), **more}
        return BuildPlan(
            name=name, version="1.0", license="MIT", base=self.base, script=script, **given
        )

    def build(
        self, plan: BuildPlan, state: State | None = None, *, options: BuildOptions = DEFAULT
    ) -> Built:
        """Return the image of a plan."""
        return build(
            plan, state or self.state, user=self.user, console=Console(quiet=True), options=options
        )

    def beside(self, folder: Path) -> State:
        """Return another state that has the same inputs and bases, and nothing built."""
        folder.mkdir(parents=True)
        for name in ("inputs", "bases"):
            (folder / name).symlink_to(self.state.folder / name)
        return State(folder)

    def run(self, image: Path, script: str) -> Completed:
        """Return how a shell script goes in an image."""
        with scratch_folder(self.state.scratch, self.user) as work:
            return apptainer.run_confined(
                image, ["sh", "-c", script], work=work, user=self.user, timeout_s=120
            )


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    """Return the state with the base `debian-12` of this project, built with its committed lock.

    Tests in other folders use it too and find its base built. PANSOFT_TEST_STATE names a state to
    keep between runs, as for the tests of the whole way.
    """
    kept = os.environ.get("PANSOFT_TEST_STATE")
    state = State(Path(kept) if kept else tmp_path_factory.getbasetemp() / "a state")
    plan = read_base_plan(ROOT / "recipes" / "bases" / "debian-12")
    user = build_user()
    ensure_base(plan, state, user=user, console=Console(quiet=True))
    return Builds(state, plan, user)
