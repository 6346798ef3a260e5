# SPDX-License-Identifier: BSD-3-Clause
"""The adapter of pip: which wheels a set of requirements means today.

The index, its certificate and its extra places are pip's own configuration on this host. Nothing
that is returned names one.
"""

from __future__ import annotations

import functools
import json
import platform
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from builder.inputs import lone_pip
from builder.inputs.lock import PythonArtefact
from core import process
from core.errors import UserError
from core.process import Completed

PYTHON = (3, 11)  # Debian 12's
GLIBC_MINOR = 36  # Debian 12's glibc is 2.36
_TIMEOUT_S = 1200
_NOTHING_FITS = re.compile(
    r"No matching distribution found for (\S.*?)(?: \(from .*\))?$", re.MULTILINE
)


class Contradiction(UserError):
    """Versions do not get along with one another; `names` are the projects that pip blames."""

    def __init__(self, message: str, *, hint: str, names: frozenset[str]) -> None:
        super().__init__(message, hint=hint)
        self.names = names


class NoWheel(UserError):
    """pip finds no wheel that fits one of the requirements, named where pip says which."""

    def __init__(self, message: str, *, hint: str, requirement: Requirement | None) -> None:
        super().__init__(message, hint=hint)
        self.requirement = requirement


def resolve_wheels(
    requirements: Sequence[str],
    kept: Mapping[str, str] | None = None,
    *,
    beside: Path | None = None,
) -> tuple[PythonArtefact, ...]:
    """Return every wheel that installing `requirements` into an empty environment takes.

    Resolved by pip for CPython 3.11 on x86-64 Linux with the glibc of Debian 12.

    Args:
        requirements: what is asked for.
        kept: projects and their versions that are to be in the environment as well.
        beside: a folder of wheels that are there beside those of the index.

    Raises:
        Contradiction: the requirements contradict each other or what is `kept`.
        NoWheel: pip finds no set of wheels.
        UserError: this program runs on another Python.
    """
    kept = kept or {}
    if not requirements:
        return ()
    if sys.version_info[:2] != PYTHON or platform.machine() != "x86_64":
        raise UserError(
            f"Python requirements are locked with Python {PYTHON[0]}.{PYTHON[1]} on x86-64, "
            f"this is {platform.python_version()} on {platform.machine()}",
            hint="run 'pansoft lock' on Debian 12, or in a container of it",
        )
    more = ["--find-links", str(beside)] if beside else []
    with tempfile.TemporaryDirectory(prefix="pansoft-lock-") as folder:
        report = Path(folder) / "report.json"
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("".join(f"{name}=={kept[name]}\n" for name in sorted(kept)))
        done = process.run(
            lone_pip.command(
                "install", "--dry-run", "--ignore-installed",
                "--no-input", "--report", report, "--target", Path(folder) / "target",
                "--constraint", constraints, "--only-binary", ":all:", *more, *_target_tags(),
                *requirements, *sorted(kept),
            ),
            reason=f"resolve {' '.join(requirements)}",
            timeout_s=_TIMEOUT_S,
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise _unresolved(requirements, done)
        items = json.loads(report.read_bytes())["install"]
    return tuple(sorted((_artefact(item) for item in items), key=lambda a: a.name))


def _unresolved(requirements: Sequence[str], done: Completed) -> UserError:
    """Return the error of a failed resolution; pip names what stands in its way."""
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    message = f"pip cannot resolve {' '.join(requirements)}: {' '.join(said) or done.stderr}"
    hint = (
        "every requirement must have a wheel for CPython 3.11 or an sdist; an archive from elsewhere "
        "goes under build.sources"
    )
    constraint = r"^ +The user requested \(constraint\) ([^\s=]+)=="
    dependent = r"^ +(\S+) \S+ depends on "
    for blamed in (constraint, dependent):  # the second, where what is kept wants another version
        if names := re.findall(blamed, done.stdout, flags=re.MULTILINE):
            return Contradiction(message, hint=hint, names=frozenset(map(canonicalize_name, names)))
    found = _NOTHING_FITS.search(done.stderr)
    try:
        lacking = Requirement(found[1]) if found else None
    except InvalidRequirement:
        lacking = None
    return NoWheel(message, hint=hint, requirement=lacking)


def _artefact(item: dict[str, Any]) -> PythonArtefact:
    """Return one entry of pip's installation report (its format version 1)."""
    download, metadata = item["download_info"], item["metadata"]
    url, hashes = str(download["url"]), download["archive_info"].get("hashes", {})
    name = canonicalize_name(str(metadata["name"]))
    if "sha256" not in hashes:
        raise UserError(f"the index gives no sha256 for {name}", hint="use an index that does")
    return PythonArtefact(
        name=name,
        version=str(metadata["version"]),
        filename=unquote(urlsplit(url).path.rsplit("/", 1)[-1]),
        sha256=hashes["sha256"],
    )


def is_for_bases(wheel: str) -> bool:
    """Return whether a wheel of this file name runs with the Python of the bases."""
    try:
        tags = parse_wheel_filename(wheel)[3]
    except InvalidWheelFilename:
        return False
    return not tags.isdisjoint(_tags())


@functools.cache
def _tags() -> frozenset[Tag]:
    platforms = _platforms()
    return frozenset(
        (*cpython_tags(PYTHON, platforms=platforms), *compatible_tags(PYTHON, platforms=platforms))
    )


def _platforms() -> list[str]:
    """Return the platform tags of Debian 12 on x86-64, the newest first (PEP 600)."""
    tags = [f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC_MINOR, 4, -1)]
    return [
        *tags,
        "manylinux2014_x86_64",
        "manylinux2010_x86_64",
        "manylinux1_x86_64",
        "linux_x86_64",
    ]


def _target_tags() -> list[str]:
    """Return the options that name Debian 12's Python."""
    version = f"{PYTHON[0]}{PYTHON[1]}"
    options = ["--python-version", version, "--implementation", "cp"]
    for abi in (f"cp{version}", "abi3", "none"):
        options += ["--abi", abi]
    for tag in _platforms():
        options += ["--platform", tag]
    return options
