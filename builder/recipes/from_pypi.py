# SPDX-License-Identifier: BSD-3-Clause
"""What a Python package says about itself: its wheel, had through this host's own pip."""

from __future__ import annotations

import configparser
import errno
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from builder.inputs import lone_pip
from builder.recipes.facts import Facts
from builder.recipes.licence_texts import licence_of
from core import process, spdx
from core.errors import CommandFailed, UserError

BASE = "debian-12-python"
SCIENCE_BASE = "debian-12-science"
_SCIENCE = {"h5py", "hdf5plugin", "matplotlib", "numpy", "scipy"}  # what that base has for packages

# Only classifiers that name one licence: "BSD License" is several.
CLASSIFIERS: Mapping[str, str] = MappingProxyType(
    {
        "Apache Software License": "Apache-2.0",
        "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
        "CEA CNRS Inria Logiciel Libre License, version 2.1 (CeCILL-2.1)": "CECILL-2.1",
        "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
        "GNU Affero General Public License v3": "AGPL-3.0-only",
        "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
        "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
        "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
        "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
        "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
        "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
        "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
        "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
        "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
        "ISC License (ISCL)": "ISC",
        "MIT License": "MIT",
        "MIT No Attribution License (MIT-0)": "MIT-0",
        "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
        "Python Software Foundation License": "PSF-2.0",
        "The Unlicense (Unlicense)": "Unlicense",
        "zlib/libpng License": "Zlib",
    }
)
_LICENCE_FILE = re.compile(r"(LICEN[CS]ES?|COPYING|UNLICENSE)([._-].*)?\Z", re.IGNORECASE)
_SCRIPT = re.compile(r"[^/]+\.data/scripts/[A-Za-z0-9][A-Za-z0-9._+-]*")
_MAX_TEXT = 256 * 1024
_MAX_METADATA = 1024 * 1024
_MAX_LICENCES = 50
# zipfile says in many ways that it cannot read something
_NO_WHEEL = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
    *(IndexError, KeyError, UnicodeDecodeError),
)
_NOT_A_MODULE = {"tests", "test", "docs", "doc", "examples", "benchmarks", "scripts"}


def facts(requirement: str, *, most_bytes: int | None = None) -> Facts:
    """Return what the newest wheel that satisfies `requirement` says: it is read, and nothing of it is run.

    Raises:
        UserError: pip finds no wheel, or it has more than `most_bytes`.
    """
    with tempfile.TemporaryDirectory(prefix="pansoft-new-") as folder:
        return read_wheel(_download(requirement, Path(folder), most_bytes))


def _download(requirement: str, folder: Path, most_bytes: int | None) -> Path:
    limit = [] if most_bytes is None else ["prlimit", f"--fsize={most_bytes}", "--"]
    try:
        process.run(
            [
                *limit,
                *lone_pip.command(
                    "download", "--quiet", "--no-deps", "--no-input",
                    "--only-binary", ":all:", "--dest", folder, "--", requirement,
                ),
            ],
            reason=f"download {requirement}",
        )  # fmt: skip
    except CommandFailed as err:
        if most_bytes is not None and os.strerror(errno.EFBIG) in err.stderr:
            raise UserError(
                f"the wheel of '{requirement}' has more than {most_bytes / 1e6:g} MB",
                hint="begin with 'pansoft new', which takes wheels of any size",
            ) from err
        said = [line for line in err.stderr.splitlines() if line.startswith("ERROR")]
        raise UserError(
            f"pip has no wheel of '{requirement}': {' '.join(said) or err.message}",
            hint="look at the spelling; for a project that has only an sdist begin with "
            "'pansoft new NAME': it goes into build.pip, its compiler into build.tools, as in recipes/fisx",
        ) from err
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise UserError(f"pip left no wheel of '{requirement}' behind")
    return wheels[0]


def read_wheel(wheel: Path) -> Facts:
    """Return what a wheel's metadata says.

    Raises:
        UserError: the file is not a wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            found = [name for name in names if name.endswith(".dist-info/METADATA")]
            folder = found[0].rpartition("/")[0]
            metadata = HeaderParser().parsestr(
                _beginning(archive, found[0], _MAX_METADATA).decode("utf-8", "replace")
            )
            points = f"{folder}/entry_points.txt"
            has_points = points in names
            entry_points = _beginning(archive, points).decode() if has_points else ""
            texts = [
                file
                for file in sorted(names)
                if file.startswith(f"{folder}/") and _LICENCE_FILE.match(PurePosixPath(file).name)
            ]
            licences = [
                _beginning(archive, file).decode("utf-8", "replace")
                for file in texts[:_MAX_LICENCES]
            ]
    except _NO_WHEEL as err:
        raise UserError(f"{wheel.name} is not a wheel") from err
    name, version = str(metadata["Name"]), str(metadata["Version"])
    license_, note = stated_license(metadata)
    evidence = "the metadata of the Python package" if license_ else None
    if license_ is None and (read := licence_of(licences, [])).spdx is not None:
        license_, evidence = read.spdx, "the licence text in the Python package"
    addresses = _addresses(metadata)
    return Facts(
        title=name,
        version=version,
        summary=_stated(metadata["Summary"]),
        homepage=addresses.get("homepage")
        or addresses.get("source")
        or addresses.get("documentation"),
        source=addresses.get("source"),
        documentation=addresses.get("documentation"),
        license=license_,
        license_note=note,
        evidence=evidence,
        base=_base(metadata),
        pip=(f"{name}=={version}",),
        commands=_commands(entry_points, names),
        module=_module(name, names),
    )


def _beginning(archive: zipfile.ZipFile, name: str, most: int = _MAX_TEXT) -> bytes:
    """Return the beginning of a file: a wheel is a stranger's, and what is packed may be of any size."""
    with archive.open(name) as file:
        return file.read(most)


def _base(metadata: Message) -> str:
    """Return the base that has what the package needs; requirements of its extras do not count."""
    for line in metadata.get_all("Requires-Dist") or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        is_extra = requirement.marker is not None and "extra" in str(requirement.marker)
        if canonicalize_name(requirement.name) in _SCIENCE and not is_extra:
            return SCIENCE_BASE
    return BASE


def _stated(value: str | None) -> str | None:
    """Return a field's text, or None where it is empty or the UNKNOWN of old tools."""
    text = " ".join((value or "").split())
    return None if text in ("", "UNKNOWN") else text


def stated_license(metadata: Message) -> tuple[str | None, str | None]:
    """Return the SPDX expression, if the metadata is clear about it, and what the metadata says."""
    expression = _stated(metadata["License-Expression"])
    if expression and spdx.parse(expression).is_valid:
        return expression, expression
    written = _stated(metadata["License"])
    if written and spdx.parse(written).is_valid:
        return written, written
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier", [])
        if line.startswith("License :: ") and line != "License :: OSI Approved"
    ]
    note = "; ".join(dict.fromkeys(classifiers)) or (written or "")[:80] or None
    if classifiers and all(classifier in CLASSIFIERS for classifier in classifiers):
        return " AND ".join(sorted({CLASSIFIERS[classifier] for classifier in classifiers})), note
    return None, note


_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "homepage": "homepage",
        "home": "homepage",
        "website": "homepage",
        "source": "source",
        "sourcecode": "source",
        "repository": "source",
        "code": "source",
        "github": "source",
        "gitlab": "source",
        "documentation": "documentation",
        "docs": "documentation",
    }
)


def _addresses(metadata: Message) -> dict[str, str]:
    found: dict[str, str] = {}
    stated = [("homepage", metadata["Home-page"])]
    for line in metadata.get_all("Project-URL", []):
        label, _, address = line.partition(",")
        stated.append((re.sub("[^a-z]", "", label.lower()), address))
    for label, address in stated:
        what = _LABELS.get(label)
        if what and address and re.match(r"https?://", address.strip()):
            found.setdefault(what, address.strip())
    return found


def _commands(entry_points: str, files: Sequence[str]) -> tuple[str, ...]:
    """Return the commands of a wheel: entry points, and the scripts that it brings as files.

    Source: the binary distribution format, the `.data` directory.
    """
    scripts = {PurePosixPath(file).name for file in files if _SCRIPT.fullmatch(file)}
    return tuple(sorted(scripts | set(_entry_points(entry_points))))


def _entry_points(text: str) -> tuple[str, ...]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    try:
        parser.read_string(text)
    except configparser.Error:
        return ()
    sections = [name for name in ("console_scripts", "gui_scripts") if parser.has_section(name)]
    return tuple(command for name in sections for command in parser.options(name))


def _module(name: str, files: Sequence[str]) -> str | None:
    """Return the module to import: the one named like the project, else the first by name."""
    modules = set()
    for file in map(PurePosixPath, files):
        if len(file.parts) == 2 and file.name == "__init__.py":
            modules.add(file.parts[0])
        elif len(file.parts) == 1 and file.suffix in (".py", ".so"):
            modules.add(file.name.split(".")[0])
    usable = sorted(
        module
        for module in modules
        if module.isidentifier() and module[0] != "_" and module.lower() not in _NOT_A_MODULE
    )
    like = re.sub("[^a-z0-9]", "", name.lower())
    alike = [module for module in usable if re.sub("[^a-z0-9]", "", module.lower()) == like]
    return next(iter(alike or usable), None)
