# SPDX-License-Identifier: BSD-3-Clause
"""The adapter of npm: what Node requirements mean today, and where their archives lie.

npm resolves, with its own configuration on this host, and writes a package lock (format 3 of its
manual's page `package-lock.json`); nothing of a package is run. What is returned names no
registry: an archive is known by its path below one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from core import process
from core.errors import CommandFailed, UserError

_TIMEOUT_S = 600
_ALGORITHMS = ("sha512", "sha384", "sha256", "sha1")  # the best first
_REGISTRY_LINE = re.compile(r"^\s*registry\s*=\s*(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Resolved:
    """An entry of npm's package lock: what to fetch, where it goes, and the commands it has."""

    name: str
    version: str
    tarball: str
    folder: str
    integrity: str
    commands: tuple[tuple[str, str], ...]


def resolve(requirements: Sequence[str]) -> tuple[Resolved, ...]:
    """Return every package that installing `requirements` takes on x86-64 Linux, by folder.

    Only the packages that were asked for have commands.

    Raises:
        UserError: there is no npm here, or it finds no set of packages.
    """
    npm = process.find(
        "npm",
        reason="resolve Node packages",
        hint="locks of Node packages are made where npm is: apt-get install npm; building needs none",
    )
    with tempfile.TemporaryDirectory(prefix="pansoft-lock-") as folder:
        (Path(folder) / "package.json").write_text("{}", encoding="utf-8")
        try:
            process.run(
                [
                    npm, "install", "--package-lock-only", "--ignore-scripts", "--no-audit",
                    "--no-fund", "--no-update-notifier", "--lockfile-version", "3",
                    "--install-strategy", "hoisted", "--cache", Path(folder) / "cache",
                    *requirements,
                ],
                reason=f"resolve {' '.join(requirements)}",
                timeout_s=_TIMEOUT_S,
                cwd=Path(folder),
            )  # fmt: skip
        except CommandFailed as err:
            raise UserError(
                f"npm cannot resolve {' '.join(requirements)}: {_said(err.stderr) or err.message}",
                hint="look the names and versions up with: npm view NAME versions",
            ) from err
        lock = json.loads((Path(folder) / "package-lock.json").read_bytes())
    asked = {requirement[: requirement.rindex("@")] for requirement in requirements}
    return tuple(sorted(_entries(lock["packages"], asked), key=lambda item: item.folder))


def _said(text: str) -> str:
    """Return what npm said of an error, without addresses and log files."""
    lines = [line.split(maxsplit=2)[-1] for line in text.splitlines() if _is_error(line)]
    said = " ".join(line for line in lines if not line.startswith("code "))
    return re.sub(r"https?://\S+", "the registry", said)


def _is_error(line: str) -> bool:
    return bool(re.match(r"npm (ERR!|error)", line)) and "complete log" not in line


def _entries(packages: Mapping[str, Mapping[str, Any]], asked: set[str]) -> Iterator[Resolved]:
    """Yield the entries of a package lock that are to be fetched for this kind of machine."""
    for folder, entry in packages.items():
        if not folder or entry.get("inBundle"):
            continue  # the project itself, or what comes in another package's archive
        if not all(_fits(entry.get(key, []), ours) for key, ours in _MACHINE.items()):
            continue  # an optional package for other machines: npm would leave it out as well
        name = entry.get("name") or folder.rpartition("node_modules/")[2]
        if entry.get("link") or "integrity" not in entry:
            raise UserError(
                f"the Node package {name} does not come from a registry with a hash",
                hint="require packages of a registry; an archive goes under build.sources",
            )
        is_asked = folder == f"node_modules/{name}" and name in asked
        commands = _commands(name, entry.get("bin", {})) if is_asked else ()
        yield Resolved(
            name=name,
            version=str(entry["version"]),
            tarball=_below_registry(name, str(entry["version"]), entry.get("resolved")),
            folder=folder,
            integrity=_best(name, str(entry["integrity"])),
            commands=commands,
        )


_MACHINE = {"os": "linux", "cpu": "x64", "libc": "glibc"}


def _fits(allowed: Sequence[str], ours: str) -> bool:
    """Return whether a list such as `["linux", "!win32"]` lets this kind of machine in."""
    if f"!{ours}" in allowed:
        return False
    positive = [item for item in allowed if not item.startswith("!")]
    return not positive or ours in positive or "any" in positive


def _commands(name: str, bins: Mapping[str, str] | str) -> tuple[tuple[str, str], ...]:
    found = {name.rpartition("/")[2]: bins} if isinstance(bins, str) else bins
    return tuple(sorted((command, os.path.normpath(file)) for command, file in found.items()))


def _below_registry(name: str, version: str, url: str | None) -> str:
    """Return an archive's path below the registry's root: `name/-/name-version.tgz`.

    npm leaves the address out where it is told to; a registry's own layout is what is meant then.
    """
    if url is None:
        return f"{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
    path = unquote(urlsplit(url).path)
    begin = path.rfind(f"/{name}/-/")
    if begin < 0:
        raise UserError(
            f"the registry keeps the archive of {name} where no other registry would have it",
            hint="use a registry with npm's own layout: NAME/-/NAME-VERSION.tgz",
        )
    return path[begin + 1 :]


def _best(name: str, integrity: str) -> str:
    """Return the best of several hashes of an archive (Subresource Integrity)."""
    by_algorithm = {item.partition("-")[0]: item for item in integrity.split()}
    for algorithm in _ALGORITHMS:
        if algorithm in by_algorithm:
            return by_algorithm[algorithm].partition("?")[0]
    raise UserError(f"the hash of {name} is of no kind that is known: {integrity}")


def holds(integrity: str, content: bytes) -> bool:
    """Return whether an archive is what npm's hash of it says."""
    algorithm, _, expected = integrity.partition("-")
    return base64.b64encode(hashlib.new(algorithm, content).digest()).decode() == expected


def registry() -> str | None:
    """Return the root of the registry that this host is configured for, if that can be known.

    From the environment, from npm where it is there, or from the user's `.npmrc`. For fetching
    only: it names a mirror and must not be written anywhere.
    """
    for name, value in os.environ.items():
        if name.lower() == "npm_config_registry" and value:
            return value.rstrip("/") + "/"
    npm = process.which("npm")
    if npm is not None:
        argv = [str(npm), "config", "get", "registry"]
        said = process.run(argv, reason="find npm's registry", cwd=Path("/")).stdout.strip()
        return said.rstrip("/") + "/" if said.startswith("http") else None
    file = Path.home() / ".npmrc"
    found = _REGISTRY_LINE.search(file.read_text(encoding="utf-8")) if file.is_file() else None
    return found[1].rstrip("/") + "/" if found else None
