# SPDX-License-Identifier: BSD-3-Clause
"""Python requirements of which some have no wheel: their sdists, and what making wheels takes.

pip resolves wheels only. Where one is lacking, the sdist of that project is looked at: what it
needs is put into a stub, an empty wheel that pip can resolve, and pip is asked again. What the
sdist needs to be built (PEP 517: its `requires`, and what its backend adds) is locked as wheels of
its own, so that the build makes the very same wheel offline.

A backend is a stranger's program: it runs as the build user, without a network.
"""

from __future__ import annotations

import email.parser
import email.policy
import json
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import requests
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from builder.images.build_user import BuildUser, build_user
from builder.inputs import python_index, python_on_base
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch
from builder.inputs.lock import PythonArtefact, PythonSdist
from builder.inputs.pip_resolver import PYTHON, NoWheel, resolve_wheels
from builder.inputs.places import Mirrors
from core import process
from core.console import Console
from core.errors import CommandFailed, UserError

_MOST = 50  # sdists of one recipe
_OFFLINE = ("unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child")
_LEGACY = {
    "requires": ["setuptools>=40.8.0", "wheel"],
    "backend": "setuptools.build_meta:__legacy__",
}

_ASK_BACKEND = """
import importlib, json, os, sys
asked = json.loads(sys.argv[1])
sys.path[:0] = [os.path.abspath(path) for path in asked["backend-path"]]
module, _, attributes = asked["backend"].partition(":")
backend = importlib.import_module(module)
for attribute in filter(None, attributes.split(".")):
    backend = getattr(backend, attribute)
requires, metadata = getattr(backend, "get_requires_for_build_wheel", list)(), None
if asked["metadata"]:
    os.mkdir("../metadata")
    folder = backend.prepare_metadata_for_build_wheel("../metadata")
    metadata = open(os.path.join("../metadata", folder, "METADATA"), encoding="utf-8").read()
with open("../answer.json", "w", encoding="utf-8") as file:
    json.dump({"requires": requires, "metadata": metadata}, file)
"""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What Python requirements mean: wheels, and sdists that wheels are made of."""

    wheels: tuple[PythonArtefact, ...] = ()
    sdists: tuple[PythonSdist, ...] = ()


def resolve(
    requirements: Sequence[str],
    there: Sequence[PythonArtefact],
    cache: InputCache,
    *,
    console: Console,
) -> Resolved:
    """Return everything that `requirements` add to the wheels that are `there`.

    Raises:
        UserError: a requirement has neither a wheel nor an sdist, or an sdist cannot be understood.
    """
    sdists: dict[str, PythonSdist] = {}
    with tempfile.TemporaryDirectory(prefix="pansoft-lock-") as folder:
        stubs = Path(folder)
        found: tuple[PythonArtefact, ...] | None = None
        while found is None:
            try:
                beside = stubs if sdists else None
                found = python_on_base.resolve(requirements, there, beside=beside)
            except NoWheel as err:
                lacking = err.requirement
                if lacking is None or len(sdists) >= _MOST:
                    raise
                listed = _newest(lacking, _listed(lacking.name))
                if listed is None or listed.filename in {
                    sdist.filename for sdist in sdists.values()
                }:
                    raise
                console.status(
                    f"{listed.filename} has no wheel: looking at what it takes to make one"
                )
                name = canonicalize_name(lacking.name)
                sdist, metadata = _looked_into(name, listed, cache, console=console)
                sdists[_stub(stubs, name, listed.version, metadata)] = sdist
    return Resolved(
        tuple(item for item in found if item.filename not in sdists),
        tuple(sdists[item.filename] for item in found if item.filename in sdists),
    )


def _listed(project: str) -> tuple[python_index.Listed, ...]:
    mirrors = Mirrors()
    try:
        return python_index.sdists(
            project, indexes=mirrors.indexes(), session=mirrors.session("python")
        )
    except requests.RequestException as err:
        raise UserError(
            f"the Python index could not be asked for {project} ({type(err).__name__})",
            hint="check the network and pip's configuration, then run it again",
        ) from err


def _newest(
    requirement: Requirement, listed: Sequence[python_index.Listed]
) -> python_index.Listed | None:
    """Return the newest sdist that fits a requirement and this Python, if there is one."""
    fitting: list[tuple[Version, python_index.Listed]] = []
    for item in listed:
        try:
            version = Version(item.version)
            fits_python = SpecifierSet(item.requires_python).contains(f"{PYTHON[0]}.{PYTHON[1]}")
        except (InvalidVersion, ValueError):
            continue
        if item.filename.endswith(".tar.gz") and fits_python:
            fitting.append((version, item))
    versions = list(requirement.specifier.filter(version for version, _ in fitting))
    return max((pair for pair in fitting if pair[0] in versions), default=(None, None))[1]


def _looked_into(
    name: str, listed: python_index.Listed, cache: InputCache, *, console: Console
) -> tuple[PythonSdist, EmailMessage]:
    """Return an sdist with the wheels that its build takes, and its metadata."""
    artefact = PythonArtefact(name, listed.version, listed.filename, listed.sha256)
    fetch([artefact], cache, console=console)
    user = build_user()
    with tempfile.TemporaryDirectory(prefix="pansoft-sdist-") as folder:
        work = Path(folder)
        _unpack(cache.path(listed.sha256), work, listed.filename, user)
        system = _build_system(work / "source", listed.filename)
        known = _static_metadata(work / "source")
        wheels = _requires(system["requires"], listed.filename)
        answer = _ask_backend(work, system, wheels, cache, user=user, metadata=known is None)
        if answer["requires"]:
            wheels = _requires([*system["requires"], *answer["requires"]], listed.filename)
        metadata = known or _parsed(str(answer["metadata"]))
    sdist = PythonSdist(name, listed.version, listed.filename, listed.sha256, wheels)
    return sdist, metadata


def _unpack(archive: Path, work: Path, filename: str, user: BuildUser) -> None:
    """Unpack an sdist to the folder `source`, as the build user."""
    work.chmod(0o755)
    user.give(work)
    user.own(work / "source")
    argv = [
        "tar", "--extract", "--gzip", "--file", str(archive), "--directory", str(work / "source"),
        "--strip-components=1", "--no-same-owner",
    ]  # fmt: skip
    process.run(
        user.command(argv, reach=[archive.parent, work]),
        reason=f"unpack {filename}",
        env=user.environment(),
        cwd=Path("/"),
    )


def _build_system(source: Path, filename: str) -> dict[str, Any]:
    """Return the build requirements, the backend and where that lies (PEP 517 and 518)."""
    file = source / "pyproject.toml"
    try:
        is_there = file.is_file() and not file.is_symlink()
        text = file.read_text(encoding="utf-8") if is_there else ""
        table = tomllib.loads(text).get("build-system", {})
    except (OSError, ValueError) as err:
        raise UserError(
            f"the pyproject.toml of {filename} cannot be read: {err}",
            hint="build it in the recipe's script, from build.sources",
        ) from err
    return {
        "requires": table.get("requires", _LEGACY["requires"]),
        "backend": table.get("build-backend", _LEGACY["backend"]),
        "backend-path": table.get("backend-path", [] if table.get("build-backend") else ["."]),
    }


def _static_metadata(source: Path) -> EmailMessage | None:
    """Return the sdist's own metadata where they are said to hold for its wheel (PEP 643)."""
    file = source / "PKG-INFO"
    if file.is_symlink() or not file.is_file():
        return None
    found = _parsed(file.read_text(encoding="utf-8", errors="replace"))
    version = tuple(int(part) for part in str(found["Metadata-Version"] or "0").split("."))
    dynamic = {str(name).lower() for name in found.get_all("Dynamic", [])}
    if version < (2, 2) or dynamic & {"requires-dist", "provides-extra"}:
        return None
    return found


def _parsed(text: str) -> EmailMessage:
    return email.parser.Parser(policy=email.policy.EmailPolicy(utf8=True)).parsestr(text)


def _requires(requirements: Sequence[str], filename: str) -> tuple[PythonArtefact, ...]:
    """Return the wheels that a build takes, exactly."""
    try:
        return resolve_wheels(sorted(set(requirements)))
    except NoWheel as err:
        raise UserError(
            f"what {filename} needs to be built has no wheels: {err.message}",
            hint="build it in the recipe's script, from build.sources",
        ) from err


def _ask_backend(
    work: Path,
    system: Mapping[str, Any],
    wheels: Sequence[PythonArtefact],
    cache: InputCache,
    *,
    user: BuildUser,
    metadata: bool,
) -> dict[str, Any]:
    """Return what the backend of an unpacked sdist answers, run as the build user and offline."""
    fetch(wheels, cache, console=Console(quiet=True))
    environment = work / "environment"
    process.run([sys.executable, "-m", "venv", "--without-pip", environment], reason="make a venv")
    (work / "wheels").mkdir()
    for wheel in wheels:
        (work / "wheels" / wheel.filename).symlink_to(cache.path(wheel.sha256))
    if wheels:
        process.run(
            [
                sys.executable, "-m", "pip", "--python", environment / "bin" / "python", "install",
                "--no-index", "--no-deps", "--no-compile", "--no-input", "--quiet",
                "--disable-pip-version-check", "--find-links", work / "wheels",
                *(f"{wheel.name}=={wheel.version}" for wheel in wheels),
            ],
            reason="install what a build takes",
        )  # fmt: skip
    asked = {**system, "metadata": metadata}
    argv = [
        "env", f"--chdir={work / 'source'}", *_OFFLINE,
        environment / "bin" / "python", "-c", _ASK_BACKEND, json.dumps(asked),
    ]  # fmt: skip
    try:
        process.run(
            user.command([str(part) for part in argv], reach=[work]),
            reason="ask the build backend of an sdist",
            env={**user.environment(), "HOME": str(work), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=Path("/"),
        )
        answer: dict[str, Any] = json.loads((work / "answer.json").read_bytes())
    except (CommandFailed, OSError, ValueError) as err:
        said = err.message if isinstance(err, CommandFailed) else str(err)
        raise UserError(
            f"the build backend of an sdist, {system['backend']}, does not say what it needs: {said}",
            hint="build it in the recipe's script, from build.sources",
        ) from err
    return answer


def _stub(folder: Path, name: str, version: str, metadata: EmailMessage) -> str:
    """Write an empty wheel with these metadata and return its file name."""
    stem = f"{name.replace('-', '_')}-{Version(version)}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {Version(version)}"]
    lines += list(_dependencies(metadata))
    files = {
        "METADATA": "\n".join(lines) + "\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: pansoft\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    filename = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(folder / filename, "w") as archive:
        for file, text in files.items():
            archive.writestr(f"{stem}.dist-info/{file}", text)
    return filename


def _dependencies(metadata: EmailMessage) -> Iterator[str]:
    for field in ("Requires-Dist", "Provides-Extra", "Requires-Python"):
        for value in metadata.get_all(field, []):
            yield f"{field}: {' '.join(str(value).split())}"
