# SPDX-License-Identifier: BSD-3-Clause
"""The whole way on one machine: recipes become programs that run from the mounted repository.

Nothing here is a special case for the demo: it applies the recipes as a pipeline does, then does
what a partner facility does: serve, mount by HTTP with the public key, source `setup.sh`, run.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from builder import sign
from builder.recipes.recipe import Install, Recipe
from builder.state import State
from core import process
from core.errors import UserError
from cvmfs.checking.check import CheckReport
from cvmfs.checking.check import check as check_repository
from cvmfs.mirroring.serve import serving
from cvmfs.mounting.mount import mounted, stop_mount
from pansoft import clock, doctor, embedded, loop, published, workspace
from pansoft.consent import consent_in
from pansoft.context import Context
from pansoft.doctor import Health
from pansoft.loop import LoopReport
from pansoft.turns import turn

# One package of each kind that docs/recipes-by-example.md tells of, and what only a licence holder
# installs: what a machine does in a few minutes, whatever the number of recipes.
PACKAGES: Final = (
    *("alphafold3-weights", "atsas", "ccp4", "cif2hkl", "cryolo", "elk", "fabio", "fisx", "fityk"),
    *("fullprof", "gemmi", "gnuplot", "h5py", "hdf5-tools", "mcpl", "motioncor2", "ncrystal"),
    *("nexusformat", "orca", "pdfgetx3", "periodictable", "phenix", "pyfai", "scipp", "shelx"),
    *("silx", "vega-lite", "vesta", "xds", "xraydb", "xraylib"),
)

# What is run from the mount: the package, and a command line that shows that it works.
_ALL: Final = 10**15  # bytes: no image of a demo goes for want of room

SHOWN = (
    ("hdf5-tools", "h5dump --version"),
    ("gnuplot", "echo 'set term dumb 60 12; plot sin(x) notitle' | gnuplot"),
    ("gemmi", "gemmi --version"),
)


@dataclass(frozen=True, slots=True)
class Ran:
    """A command line that was run from the mount, and what it printed."""

    line: str
    returncode: int
    output: str


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo did. Sizes in bytes: `images` is the sum of all images, `stored` what they take."""

    loop: LoopReport
    verified: tuple[str, ...]
    check: CheckReport
    packages: int
    images: int
    stored: int
    fetched: int
    ran: tuple[Ran, ...]

    @property
    def succeeded(self) -> bool:
        """Return whether every package came along, the repository is sound and every command ran."""
        refused = self.loop.outcome is None or bool(self.loop.outcome.refused)
        ran = bool(self.ran) and all(item.returncode == 0 for item in self.ran)
        return not self.loop.failures and not refused and self.check.is_sound and ran


def demo(context: Context, recipes: Sequence[Recipe], *, at: datetime, jobs: int) -> DemoReport:
    """Build, sign, publish, verify, mount and run; a run that was killed is taken up where it was.

    Raises:
        UserError: the machine lacks something; the hint is the command that mends it.
    """
    say = context.console.say
    state = workspace.state_of(context)
    _need_a_healthy_machine(state)
    ours = sum(recipe.install is Install.PUBLISHER for recipe in recipes)
    say(f"1/5  building, testing, signing and publishing {ours} packages")
    with turn(state, context.console, now=clock.now):
        done = loop.apply(context, recipes, at=at, jobs=jobs, kept=_ALL)  # they are verified below
    entries = published.entries_in(state, at=at)
    say("2/5  verifying every signature")
    verified = _verify(context, state, at=at)
    say("3/5  checking the repository from its public key upward")
    check = check_repository(embedded.read_repository(state, at=at))
    say("4/5  serving it by HTTP and mounting it as a partner facility does")
    cache = state.folder / "demo" / "client-cache"
    ran = _run_from_mount(state, cache, {entry.name for entry in entries})
    say("5/5  done")
    return DemoReport(
        loop=done,
        verified=verified,
        check=check,
        packages=len(entries),
        images=sum(entry.size for entry in entries),
        stored=_size(embedded.folder_of(state) / "data"),
        fetched=_size(cache),
        ran=ran,
    )


def _need_a_healthy_machine(state: State) -> None:
    bad = [item for item in doctor.examine(state.folder) if item.health is Health.BAD]
    if bad:
        raise UserError(
            "this machine lacks what the demo needs"
            + "".join(f"\n    {item.check}: {item.message}" for item in bad),
            hint=f"make setup does it all, or: {bad[0].mend}",
        )


def _verify(context: Context, state: State, *, at: datetime) -> tuple[str, ...]:
    """Verify every signed image of the state and return their names."""
    policy = loop.policy_of(context, state)
    waivers = consent_in(context.policy, policy, at=at).waivers
    verified = []
    for entry in published.entries_in(state, at=at):
        context.console.status(f"verifying {entry.name}")
        signed, _ = sign.verify(state.signed(entry.plan), policy=policy, at=at, waivers=waivers)
        verified.append(signed.image.name)
    return tuple(verified)


def _run_from_mount(state: State, cache: Path, names: set[str]) -> tuple[Ran, ...]:
    """Mount the repository by HTTP with a cold cache and run the shown commands from it."""
    process.run(["rm", "-rf", cache], reason="begin with a cold client")
    mountpoint = state.folder / "demo" / "mount"
    stop_mount(mountpoint)  # of a demo that was killed
    with (
        serving(embedded.folder_of(state)) as url,
        mounted(url, embedded.FQRN, embedded.public_key(state), mountpoint, cache=cache) as mount,
    ):
        return tuple(_run(mount, line) for name, line in SHOWN if name in names)


def _run(mount: Path, line: str) -> Ran:
    setup = shlex.quote(str(mount / "testing" / "setup.sh"))
    done = process.run(
        ["sh", "-c", f". {setup}\n{line}"],
        reason=f"run {line}",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        cwd=Path("/"),
        check=False,
    )
    return Ran(line, done.returncode, (done.stdout + done.stderr).rstrip())


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
