# SPDX-License-Identifier: BSD-3-Clause
"""Small real packages, made as a test needs them: .debs in an archive that apt reads, wheels."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import process


@dataclass(frozen=True, slots=True)
class Deb:
    """A Debian package of one script, `/usr/bin/<name>`, and a changelog where it has one."""

    name: str
    version: str = "1.0-1"
    depends: str = ""
    fields: str = ""
    changelog: str = ""


def debian_archive(folder: Path, debs: Sequence[Deb], *, suite: str = "bookworm") -> Path:
    """Write a Debian archive of one suite with real .debs and return its root."""
    stanzas = []
    for deb in debs:
        file = _deb(folder, deb)
        control = process.run(["dpkg-deb", "-f", file], reason="read it back").stdout.strip()
        content = file.read_bytes()
        stanzas.append(
            f"{control}\nFilename: {file.relative_to(folder)}\nSize: {len(content)}\n"
            f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
        )
    dist = folder / "dists" / suite
    index = dist / "main" / "binary-amd64" / "Packages"
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_text("\n".join(stanzas))
    digest = hashlib.sha256(index.read_bytes()).hexdigest()
    (dist / "Release").write_text(
        f"Origin: Test\nSuite: {suite}\nCodename: {suite}\nArchitectures: amd64\n"
        "Components: main\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n"
        f" {digest} {index.stat().st_size} main/binary-amd64/Packages\n"
    )
    return folder


def _deb(folder: Path, deb: Deb) -> Path:
    tree = folder / ".trees" / f"{deb.name}_{deb.version}"
    program = tree / "usr" / "bin" / deb.name
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho {deb.name} {deb.version}\n")
    program.chmod(0o755)
    if deb.changelog:
        changelog = tree / "usr" / "share" / "doc" / deb.name / "changelog.Debian.gz"
        changelog.parent.mkdir(parents=True)
        changelog.write_bytes(gzip.compress(deb.changelog.encode(), mtime=0))
    depends = f"Depends: {deb.depends}\n" if deb.depends else ""
    control = tree / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(
        f"Package: {deb.name}\nVersion: {deb.version}\nArchitecture: amd64\n"
        f"Maintainer: Nobody <nobody@example.org>\n{depends}{deb.fields}"
        f"Description: a test\n with a folded line\n"
    )
    pool = folder / "pool" / "main" / deb.name[0] / deb.name
    pool.mkdir(parents=True, exist_ok=True)
    file = pool / f"{deb.name}_{deb.version}_amd64.deb"
    process.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, file],
        reason="make a .deb",
        env={**os.environ, "SOURCE_DATE_EPOCH": "0"},  # the same package, the same bytes
    )
    return file


def apt_host(folder: Path, archive: str) -> Mapping[str, str]:
    """Return the environment of a host whose apt knows this archive and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text(f"deb [trusted=yes] {archive} bookworm main\n")
    for name in ("lists/partial", "cache/archives/partial", "state", "parts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    config = folder / "apt.conf"
    config.write_text(
        f'Dir::Etc::main "/dev/null";\nDir::Etc::parts "{folder}/parts";\n'
        f'Dir::Etc::sourcelist "{folder}/sources.list";\nDir::Etc::sourceparts "{folder}/parts";\n'
        f'Dir::State "{folder}/state";\nDir::State::lists "{folder}/lists";\n'
        f'Dir::State::status "{folder}/status";\nDir::Cache "{folder}/cache";\n'
        'APT::Architecture "amd64";\nAPT::Sandbox::User "root";\n'
    )
    return {"APT_CONFIG": str(config)}


def wheel(name: str, version: str = "1.0", *, requires: Sequence[str] = ()) -> tuple[str, bytes]:
    """Return the file name and the bytes of a wheel of one module."""
    stem = f"{name.replace('-', '_')}-{version}"
    module = name.replace("-", "_")
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {item}\n" for item in requires)
    files = {
        f"{module}.py": f"VERSION = {version!r}\n",
        f"{stem}.dist-info/METADATA": metadata,
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in files)
    files[f"{stem}.dist-info/RECORD"] = f"{record}{stem}.dist-info/RECORD,,\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return f"{stem}-py3-none-any.whl", buffer.getvalue()


def index_page(files: Mapping[str, bytes], *, at: str = "/files") -> bytes:
    """Return the page of a project in a Python index (PEP 503), with hashes."""
    links = "".join(
        f'<a href="{at}/{name}#sha256={hashlib.sha256(content).hexdigest()}">{name}</a>\n'
        for name, content in files.items()
    )
    return f"<!DOCTYPE html><html><body>\n{links}</body></html>".encode()


def sdist(name: str, files: Mapping[str, str], *, version: str = "1.0") -> tuple[str, bytes]:
    """Return the file name and the bytes of an sdist of these files."""
    stem = f"{name.replace('-', '_')}-{version}"
    return f"{stem}.tar.gz", tarball(files, top=stem)


def tarball(files: Mapping[str, str], *, top: str) -> bytes:
    """Return the bytes of a packed archive of these files in one folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{top}/{path}")
            entry.size = len(text.encode())
            entry.mode = 0o600
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()
