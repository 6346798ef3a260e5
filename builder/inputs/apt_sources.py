# SPDX-License-Identifier: BSD-3-Clause
"""The adapter of Debian's source packages: where the host's archives have upstream's archives.

A host is usually configured for binary packages only. So the entries of its apt configuration are
written again for sources, into a private place, in either of the forms of sources.list(5). That
place names mirrors; what is returned for a lock does not.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from builder.inputs import apt
from builder.inputs.apt import AptState, stanzas
from builder.inputs.apt_lists import lists
from core import process
from core.console import Console
from core.errors import UserError
from core.files import write_atomic

_ONE_LINE = re.compile(r"^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S.*)$")
_UPSTREAM = re.compile(r"\.orig(-[A-Za-z0-9-]+)?\.tar\.(?!asc)[a-z0-9]+\Z")
_PACKAGING = re.compile(r"\.debian\.tar\.(?!asc)[a-z0-9]+\Z")
_NATIVE = re.compile(r"\.tar\.(?!asc)[a-z0-9]+\Z")


@dataclass(frozen=True, slots=True)
class DebianSourceFile:
    """One archive of upstream in a Debian source package: its path, size in bytes and sha256.

    `kind` tells it from the other sources of a lock.
    """

    name: str
    version: str
    path: str
    size: int
    sha256: str
    kind: str = "debian-source"

    @property
    def filename(self) -> str:
        """Return the name the archive has in the build's `sources` folder: its own."""
        return self.path.rsplit("/", 1)[-1]


def upstream_files(
    name: str, version: str, state: AptState, *, at: datetime, console: Console
) -> tuple[DebianSourceFile, ...]:
    """Return upstream's archives of a source package, the main one first.

    Args:
        name: the source package.
        version: its Debian version.
        state: a state of the host's archives; the one for sources lies in a folder of it.
        at: the time, which decides whether lists are read again.
        console: whom to tell.

    Raises:
        UserError: the host's archives have no such source package.
    """
    sources = _source_state(state)
    apt.update(sources, at=at, console=console)
    versions: set[str] = set()
    for text in lists(sources, "Sources"):
        for fields in _paragraphs(text, name):
            versions.add(fields["Version"])
            if fields["Version"] == version:
                files = tuple(_files(fields))
                if files:
                    return files
    there = f"; they have {', '.join(sorted(versions))}" if versions else ""
    raise UserError(
        f"the host's Debian archives have no upstream archive of the source package {name} {version}"
        f"{there}",
        hint=f"look it up with: apt-cache showsrc {name}",
    )


def packaging_files(
    wanted: Collection[tuple[str, str]], state: AptState, *, at: datetime, console: Console
) -> Mapping[tuple[str, str], DebianSourceFile]:
    """Return the archives that hold the folder `debian` of source packages, by name and version.

    What the host's archives do not have is left out, and so are packages in the form 1.0, whose folder is
    part of a patch.

    Args:
        wanted: names and Debian versions.
        state: a state of the host's archives; the one for sources lies in a folder of it.
        at: the time, which decides whether lists are read again.
        console: whom to tell.

    Raises:
        UserError: the host's archives cannot be read.
    """
    if not wanted:
        return {}
    sources = _source_state(state)
    apt.update(sources, at=at, console=console)
    names = {name for name, _ in wanted}
    found = {}
    for text in lists(sources, "Sources"):
        there = names.intersection(re.findall(r"^Package: (\S+)$", text, flags=re.MULTILINE))
        for name in sorted(there):
            for fields in _paragraphs(text, name):
                file = _packaging(fields)
                if file is not None and (name, file.version) in wanted:
                    found[name, file.version] = file
    return found


def _packaging(fields: dict[str, str]) -> DebianSourceFile | None:
    pattern = _NATIVE if "native" in fields.get("Format", "") else _PACKAGING
    return next((file for file in _matching(fields, pattern)), None)


def _paragraphs(text: str, name: str) -> Iterator[dict[str, str]]:
    """Yield the paragraphs of one source package; the others, thousands, are not read."""
    for found in re.finditer(rf"^Package: {re.escape(name)}$", text, flags=re.MULTILINE):
        begin = text.rfind("\n\n", 0, found.start()) + 1
        end = text.find("\n\n", found.end())
        yield from stanzas(text[begin : end if end >= 0 else len(text)])


def _files(fields: dict[str, str]) -> Iterator[DebianSourceFile]:
    """Yield upstream's archives of one paragraph; `orig.tar` sorts before its components.

    A native package has no upstream archive of its own: its one archive counts as that.
    """
    return _matching(fields, _NATIVE if "native" in fields.get("Format", "") else _UPSTREAM)


def _matching(fields: dict[str, str], pattern: re.Pattern[str]) -> Iterator[DebianSourceFile]:
    listed = [line.split() for line in fields.get("Checksums-Sha256", "").splitlines() if line]
    for sha256, size, file in sorted(listed, key=lambda row: (".orig." not in row[2], row[2])):
        if pattern.search(file):
            path = f"{fields['Directory']}/{file}"
            yield DebianSourceFile(fields["Package"], fields["Version"], path, int(size), sha256)


def _source_state(state: AptState) -> AptState:
    """Return a state whose apt knows the source packages of the host's archives."""
    folder = state.folder / "sources"
    parts = folder / "entries"
    parts.mkdir(parents=True, exist_ok=True)
    for old in parts.iterdir():
        old.unlink()
    for number, file in enumerate(_host_entries()):
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".sources":
            write_atomic(parts / f"{number}.sources", _deb822_for_sources(text))
        else:
            write_atomic(parts / f"{number}.list", _lines_for_sources(text))
    return replace(state, folder=folder, entries=parts)


def _host_entries() -> Iterator[Path]:
    """Yield the files of the host's apt that name archives."""
    asked = process.run(
        [
            "apt-config", "shell",
            "one", "Dir::Etc::sourcelist/f", "many", "Dir::Etc::sourceparts/d",
        ],
        reason="find the entries of the host's apt",
    ).stdout  # fmt: skip
    values: dict[str, str] = {}
    for line in asked.splitlines():
        key, _, value = line.partition("=")
        values[key] = "".join(shlex.split(value))
    if "one" in values and Path(values["one"]).is_file():
        yield Path(values["one"])
    if "many" in values and Path(values["many"]).is_dir():
        for file in sorted(Path(values["many"]).iterdir()):
            if file.suffix in (".list", ".sources"):
                yield file


def _lines_for_sources(text: str) -> str:
    """Return the one-line entries for binary packages as entries for source packages."""
    lines = []
    for line in text.splitlines():
        found = _ONE_LINE.match(line)
        if found is None:
            continue
        options = [o for o in (found[1] or "").split() if not o.startswith(("arch=", "arch-="))]
        bracket = f"[{' '.join(options)}] " if options else ""
        lines.append(f"deb-src {bracket}{found[2]}\n")
    return "".join(lines)


def _deb822_for_sources(text: str) -> str:
    """Return the paragraphs for binary packages as paragraphs for source packages."""
    plain = "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("#"))
    paragraphs = []
    for fields in stanzas(plain):
        named = {key.lower(): value for key, value in fields.items()}
        if "deb" not in named.get("types", "").split() or named.get("enabled", "yes") == "no":
            continue
        kept = {k: v for k, v in fields.items() if k.lower() not in ("types", "architectures")}
        paragraphs.append("".join(f"{k}: {v}\n" for k, v in {"Types": "deb-src", **kept}.items()))
    return "\n".join(paragraphs)
