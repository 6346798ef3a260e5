# SPDX-License-Identifier: BSD-3-Clause
"""What goes into the image of jobs: the packages that setup installs, as this host's archives have them.

What `setup/setup.sh` says is the one list of them. They are resolved anew for each image, so that it has
Debian's security updates of the day; what the Python environment is, the project's lock says.
"""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from builder.inputs import apt
from builder.inputs.apt import DebianPackage
from builder.inputs.archive import packages_index
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch
from builder.inputs.locking import MINIMAL_SYSTEM, host_archives
from builder.inputs.pip_resolver import PYTHON
from builder.state import State
from core import process
from core.console import Console
from core.errors import UserError
from core.files import sha256_file

SUITE = "bookworm"
"""The Debian of the image: that of the runners that are machines."""

_MORE = ("make",)  # the commands of jobs
_LOCK = "requirements.lock"
_MINUTES = 20 * 60.0


@dataclass(frozen=True, slots=True)
class Ingredients:
    """Everything the image is made of, fetched: `index` lists its packages as a `Packages` file.

    `wheels` is a folder of those that `lock` names, all of them and nothing else.
    """

    packages: tuple[DebianPackage, ...]
    index: str
    wheels: Path
    lock: bytes


def gather(
    project: Path, state: State, scratch: Path, *, tests: bool, at: datetime, console: Console
) -> Ingredients:
    """Return what the image is made of, fetched into the input cache and `scratch`.

    Args:
        project: the checkout, for its `setup/` and its lock.
        state: for the input cache and apt's lists.
        scratch: an empty folder.
        tests: whether with the programs of Debian that only tests run.
        at: the time, which decides whether lists are read again.
        console: whom to tell.

    Raises:
        UserError: this host's archives or Python are of another Debian, or lack something.
    """
    _check_host()
    cache = InputCache(state.inputs)
    console.status("ci image: Apptainer")
    apptainer, depends = _apptainer(project, scratch, cache)
    asked = (*MINIMAL_SYSTEM, *listed(project, tests=tests), *_MORE, *depends)
    archives = host_archives(state, at=at, console=console)
    packages = apt.resolve(
        archives, tuple(dict.fromkeys(asked)), reason="resolve the image of jobs"
    )
    fetch(packages, cache, console=console)
    console.status("ci image: Python packages")
    everything = (*packages, apptainer)
    return Ingredients(
        packages=everything,
        index=packages_index(everything, cache),
        wheels=_wheels(project, scratch / "wheels"),
        lock=(project / _LOCK).read_bytes(),
    )


def listed(project: Path, *, tests: bool) -> tuple[str, ...]:
    """Return the Debian packages that the project's setup installs."""
    option = ("--tests",) if tests else ()
    done = process.run(
        ["sh", project / "setup" / "setup.sh", *option, "--list"], reason="list what setup installs"
    )
    return tuple(done.stdout.split())


def _check_host() -> None:
    """Make sure that what is fetched here is for Debian 12.

    Raises:
        UserError: it would be for another one.
    """
    suites = apt.source_suites()
    if SUITE not in suites:
        raise UserError(
            f"the image of jobs is a Debian {SUITE}; this host's apt is configured for "
            f"{', '.join(suites) or 'nothing'}",
            hint=f"make it on a host whose apt sources have {SUITE}",
        )
    if sys.version_info[:2] != PYTHON or platform.machine() != "x86_64":
        raise UserError(
            f"the image of jobs has Python {PYTHON[0]}.{PYTHON[1]} on x86-64, this is "
            f"{platform.python_version()} on {platform.machine()}",
            hint="make it on Debian 12",
        )


def _apptainer(
    project: Path, scratch: Path, cache: InputCache
) -> tuple[DebianPackage, tuple[str, ...]]:
    """Return Apptainer as setup makes it, in the cache, and the names of what it depends on."""
    made = scratch / "apptainer.deb"
    process.run(
        ["sh", project / "setup" / "apptainer-debian.sh", "--output", made],
        reason="make the package of Apptainer",
        timeout_s=_MINUTES,
        hint="the mirror of this host has to serve Debian unstable: docs/decisions/0002",
    )
    size, sha256 = made.stat().st_size, sha256_file(made)
    part = cache.part(sha256)
    part.parent.mkdir(parents=True, exist_ok=True)
    made.replace(part)
    cache.take(part, sha256, name="the package of Apptainer")
    name, version, architecture, depends = (
        _field(cache.path(sha256), field)
        for field in ("Package", "Version", "Architecture", "Depends")
    )
    # "fuse3 | fuse, libc6 (>= 2.36)": the first of alternatives, its version left to apt
    names = re.findall(r"(?:^|,)\s*([a-z0-9][a-z0-9+.-]*)", depends)
    path = f"{name}_{version}_{architecture}.deb"
    return DebianPackage(name, version, architecture, path, size, sha256), tuple(names)


def _field(package: Path, name: str) -> str:
    done = process.run(["dpkg-deb", "-f", package, name], reason="read a package's control fields")
    return done.stdout.strip()


def _wheels(project: Path, folder: Path) -> Path:
    """Return a folder of all wheels of the project's lock, checked by pip against its hashes."""
    process.run(
        [
            sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "wheel",
            "--no-deps", "--require-hashes", "--requirement", project / _LOCK, "--wheel-dir", folder,
        ],
        reason="fetch the Python packages of the lock",
        timeout_s=_MINUTES,
    )  # fmt: skip
    folder.chmod(0o755)
    for wheel in folder.iterdir():
        wheel.chmod(0o644)
    return folder
