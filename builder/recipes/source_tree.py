# SPDX-License-Identifier: BSD-3-Clause
"""What is in a source archive: the names of its files, and the texts that tell how it is built.

Nothing is unpacked. Of a text so much is read as tells something, and an archive that unpacks to
more than anybody's source code is refused.
"""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from core.errors import UserError

MAX_UNPACKED = 16 << 30
MAX_FILES = 500_000
_MAX_TEXT = 256 * 1024
_HEAD = 4000
_MAX_HEADS = 400

_BUILD_FILES = {
    "CMakeLists.txt", "Makefile.am", "meson.build", "Cargo.toml", "configure.ac", "configure.in",
    "pyproject.toml", "setup.cfg", "setup.py",
}  # fmt: skip
SOURCE_ENDINGS = (
    ".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".py", ".rs", ".f", ".F", ".f90", ".F90", ".for",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceTree:
    """A source archive: `top` is the one folder that all is in, or empty; `files` are below it.

    `texts` has the texts of build files anywhere and of all files at the top; `heads` the beginnings
    of source files.
    """

    archive: str
    top: str
    files: tuple[str, ...]
    texts: Mapping[str, str]
    heads: Mapping[str, str]

    def has(self, *names: str) -> bool:
        """Return whether one of these is at the top."""
        return any(name in self.files for name in names)

    def named(self, name: str) -> Iterator[str]:
        """Yield the texts of all files of a name, those at the top first."""
        found = [file for file in self.texts if PurePosixPath(file).name == name]
        for file in sorted(found, key=lambda file: (file.count("/"), file)):
            yield self.texts[file]


def read_archive(file: Path, *, name: str) -> SourceTree:
    """Return what is in a source archive, a tar file or a zip file.

    Raises:
        UserError: it is neither, is damaged, or unpacks to too much.
    """
    try:
        is_zip = zipfile.is_zipfile(file) and not tarfile.is_tarfile(file)
        members = dict(_of_zip(file) if is_zip else _of_tar(file))
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
            NotImplementedError, RuntimeError) as err:  # fmt: skip
        raise UserError(
            f"{name} cannot be read as a source archive: {err}",
            hint="a tar file (.tar.gz, .tar.bz2, .tar.xz) or a zip file is wanted, not a web page "
            "about one",
        ) from err
    if not members:
        raise UserError(f"{name} holds no files")
    first = {member.partition("/")[0] for member in members}
    top = first.pop() if len(first) == 1 and all("/" in member for member in members) else ""
    begin = len(top) + 1 if top else 0
    texts, heads = {}, {}
    for member, text in members.items():
        short = member[begin:]
        if text is not None and _is_text(short):
            texts[short] = text
        if text is not None and short.endswith(SOURCE_ENDINGS):
            heads[short] = text[:_HEAD]
    return SourceTree(name, top, tuple(member[begin:] for member in members), texts, heads)


def _is_text(short: str) -> bool:
    path = PurePosixPath(short)
    return "/" not in short or path.name in _BUILD_FILES or path.parent.name == "LICENSES"


def _of_tar(file: Path) -> Iterator[tuple[str, str | None]]:
    with tarfile.open(file) as archive:
        budget = _Budget()
        for member in archive:
            budget.spend(member.size)
            if member.isfile():
                path = _clean(member.name)
                stream = archive.extractfile(member) if budget.wants(path) else None
                yield path, _text(stream) if stream else None


def _of_zip(file: Path) -> Iterator[tuple[str, str | None]]:
    with zipfile.ZipFile(file) as archive:
        budget = _Budget()
        for member in archive.infolist():
            budget.spend(member.file_size)
            if not member.is_dir():
                path = _clean(member.filename)
                if budget.wants(path):
                    with archive.open(member) as stream:
                        yield path, _text(stream)
                else:
                    yield path, None


@dataclass
class _Budget:
    """How much of an archive is looked at."""

    unpacked: int = 0
    files: int = 0
    heads: int = 0

    def spend(self, size: int) -> None:
        self.unpacked += size
        self.files += 1
        if self.unpacked > MAX_UNPACKED or self.files > MAX_FILES:
            raise UserError(
                f"the archive unpacks to more than {MAX_UNPACKED >> 30} GB or {MAX_FILES} files",
                hint="that is no source code; write the recipe by hand if it is",
            )

    def wants(self, path: str) -> bool:
        short = path.partition("/")[2]
        if _is_text(short) or "/" not in path:
            return True
        if path.endswith(SOURCE_ENDINGS) and self.heads < _MAX_HEADS:
            self.heads += 1
            return True
        return False


def _clean(name: str) -> str:
    return "/".join(part for part in PurePosixPath(name).parts if part not in ("/", ".", ".."))


def _text(stream: IO[bytes]) -> str:
    return stream.read(_MAX_TEXT).decode("utf-8", "replace")
