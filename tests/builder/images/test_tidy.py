# SPDX-License-Identifier: BSD-3-Clause
"""The script that takes out what differs from build to build, run as a build runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.images.build_user import build_user
from builder.images.sandbox import SCRIPTS, scratch_folder
from core import process

pytestmark = pytest.mark.needs("unshare", "newuidmap")

INSIDE = ["unshare", "--user", "--map-root-user", "--map-auto", "--mount", "--net"]


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    with scratch_folder(tmp_path / "scratch", build_user()) as folder:
        yield folder


def run_inside(scratch: Path, script: str) -> None:
    """Run a shell script in the scratch folder, as root of the build user's namespace."""
    user = build_user()
    process.run(
        user.command([*INSIDE, "sh", "-euc", f"cd {scratch}; {script}"], reach=[scratch]),
        reason="prepare a tree",
        env=user.environment(),
        cwd=Path("/"),
    )


def tidy(scratch: Path) -> None:
    (scratch / "tidy.py").write_bytes((SCRIPTS / "tidy.py").read_bytes())
    run_inside(scratch, "python3 -I tidy.py tree")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_logs_caches_and_locks_are_taken_out_and_the_rest_stays(scratch: Path) -> None:
    run_inside(
        scratch,
        "mkdir -p tree/var/log/apt tree/var/lib/dpkg/info tree/var/cache/apt tree/root/.cache tree/run;"
        "cd tree; touch var/log/apt/history.log var/log/.hidden var/cache/apt/pkgcache.bin run/x;"
        "touch var/lib/dpkg/lock var/lib/dpkg/lock-frontend var/lib/dpkg/status var/lib/dpkg/status-old;"
        "touch var/lib/dpkg/info/a.list root/.cache/b root/.profile",
    )

    tidy(scratch)

    assert files(scratch / "tree") == [
        "root/.profile",
        "var/lib/dpkg/info/a.list",
        "var/lib/dpkg/status",
    ]
    assert (scratch / "tree" / "run").is_dir()


@pytest.mark.parametrize(
    "links",
    [
        f"ln -s {{outside}} {name}"
        for name in ("var/log", "var", "tmp", "root", "var/lib/dpkg", "var/cache")
    ],
)
def test_what_a_link_in_the_tree_leads_to_is_left_alone(links: str, scratch: Path) -> None:
    """A recipe's script could otherwise have removed what belongs to the build user: other bases."""
    parent = str(Path(links.split()[-1]).parent)
    run_inside(
        scratch,
        "mkdir -p outside/log outside/lib/dpkg outside/cache outside/.cache;"
        "touch outside/x outside/log/x outside/lock outside/lib/dpkg/lock outside/.cache/x;"
        f"mkdir -p tree/{parent}; cd tree; " + links.format(outside=scratch / "outside"),
    )
    before = files(scratch / "outside")

    tidy(scratch)

    assert files(scratch / "outside") == before
    assert len(before) == 5
