# SPDX-License-Identifier: BSD-3-Clause
"""The layers of an image as plain tars, each verified, and the few facts that a lock needs of them.

A layer is a tar of what it adds, in which `.wh.NAME` takes NAME of the layers below away and
`.wh..wh..opq` all that they have in its folder (OCI image specification 1.1, `layer.md`). The facts
are read from the tars, so that nothing of an image is ever unpacked outside of a sandbox.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from builder.inputs.cache import InputCache
from builder.inputs.oci import ImageLayer
from core import process
from core.errors import UserError

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_BLOCK = 1 << 20
_FACT_BYTES = 64 << 20

_STATUS = "var/lib/dpkg/status"
_RELEASES = ("etc/os-release", "usr/lib/os-release")
_GLIBC = re.compile(rb"GNU C Library \([^)]*\)[^\n]*? version (\d+)\.(\d+)")
_LIBC = re.compile(r"(usr/)?lib(64)?/(x86_64-linux-gnu/)?libc\.so\.6\Z")
_PYTHON = re.compile(r"(?P<folder>usr/local/bin|usr/bin)/python(?P<version>3(\.\d+)?)\Z")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is in an image, as far as it decides what can be put on top of it.

    `debian` is the code name where it is a Debian with a dpkg status, `dpkg_status` that status;
    `python` the version of its python3 and `glibc` that of its C library, None where it has none.
    """

    debian: str | None
    dpkg_status: str
    python: tuple[int, int] | None
    glibc: tuple[int, int] | None


def plain_layer(layer: ImageLayer, cache: InputCache, target: Path) -> None:
    """Write the plain tar of a layer in the cache to `target`.

    Raises:
        UserError: it is packed in a way we do not know, or is not what the configuration says.
    """
    stored = cache.need(layer.sha256, name=f"the layer sha256:{layer.sha256}")
    _unpack(stored, target)
    digest = hashlib.sha256()
    with target.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    if digest.hexdigest() != layer.diff_id:
        target.unlink()
        raise UserError(
            f"the layer sha256:{layer.sha256} does not unpack to what the image's configuration "
            f"says: expected sha256 {layer.diff_id}, got {digest.hexdigest()}",
            hint="the image is broken; push it again",
        )


def read_facts(layers: Sequence[ImageLayer], cache: InputCache) -> ImageFacts:
    """Return what is in an image whose layers are in the cache, lowest first.

    Raises:
        UserError: a layer cannot be read.
    """
    files: dict[str, _Entry] = {}
    for layer in layers:
        with tempfile.TemporaryDirectory(prefix="pansoft-layer-") as folder:
            plain = Path(folder) / "layer.tar"
            plain_layer(layer, cache, plain)
            try:
                _lay_over(files, plain)
            except (tarfile.TarError, EOFError) as err:
                raise UserError(
                    f"the layer sha256:{layer.sha256} is no tar",
                    hint="the image is broken; push it again",
                ) from err
    return _facts(files)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file that may hold a fact: its content, or where it points to if it is a link."""

    content: bytes
    link: str | None = None


def _unpack(stored: Path, target: Path) -> None:
    with stored.open("rb") as stream:
        beginning = stream.read(4)
    if beginning == _ZSTD:
        process.run(
            ["zstd", "--decompress", "--force", "--quiet", "-o", target, stored],
            reason="unpack a layer",
            timeout_s=3600,
        )
        return
    try:
        with (
            gzip.open(stored) if beginning.startswith(_GZIP) else stored.open("rb") as reader,
            target.open("wb") as writer,
        ):
            shutil.copyfileobj(reader, writer, _BLOCK)
    except (gzip.BadGzipFile, EOFError, zlib.error) as err:
        raise UserError(
            f"the layer sha256:{stored.name} cannot be unpacked: {err}",
            hint="the image is broken; push it again",
        ) from err


def _lay_over(files: dict[str, _Entry], plain: Path) -> None:
    """Bring the files that hold facts to where they are with one more layer on top."""
    added: dict[str, _Entry] = {}
    with tarfile.open(plain, "r:") as tar:
        for member in tar:
            path = _plain_path(member.name)
            folder, _, name = path.rpartition("/")
            if name == OPAQUE:
                _take_away(files, folder)
            elif name.startswith(WHITEOUT):
                gone = name.removeprefix(WHITEOUT)
                files.pop(f"{folder}/{gone}".lstrip("/"), None)
                _take_away(files, f"{folder}/{gone}".lstrip("/"))
            elif _may_hold_a_fact(path):
                added[path] = _entry(tar, member)
            elif not member.isdir():  # what was a folder is one no longer
                _take_away(files, path)
    files.update(added)


def _take_away(files: dict[str, _Entry], folder: str) -> None:
    """Forget what is below a folder; `""` is the root."""
    below = f"{folder}/" if folder else ""
    for path in [path for path in files if path.startswith(below)]:
        del files[path]


def _may_hold_a_fact(path: str) -> bool:
    return path == _STATUS or path in _RELEASES or bool(_LIBC.match(path) or _PYTHON.match(path))


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> _Entry:
    if member.issym():
        return _Entry(b"", member.linkname)
    if member.islnk():
        # an absolute name, so that it is not read as one beside the file
        return _Entry(b"", "/" + _plain_path(member.linkname))
    if member.isfile() and not _PYTHON.match(_plain_path(member.name)):
        stream = tar.extractfile(member)
        return _Entry(stream.read(_FACT_BYTES) if stream is not None else b"")
    return _Entry(b"")


def _facts(files: dict[str, _Entry]) -> ImageFacts:
    release: dict[str, str] = {}
    for path in reversed(_RELEASES):
        if path in files and files[path].link is None:
            release = _assignments(files[path].content.decode("utf-8", "replace"))
    status = files.get(_STATUS, _Entry(b"")).content.decode("utf-8", "replace")
    is_debian = release.get("ID") == "debian" and "Package:" in status
    libc = [entry.content for path, entry in sorted(files.items()) if _LIBC.match(path)]
    version = next((found for content in libc if (found := _GLIBC.search(content))), None)
    return ImageFacts(
        debian=release.get("VERSION_CODENAME") if is_debian else None,
        dpkg_status=status if is_debian else "",
        python=_python(files),
        glibc=(int(version[1]), int(version[2])) if version else None,
    )


def _python(files: dict[str, _Entry]) -> tuple[int, int] | None:
    """Return the version of the python3 that programs find, which is a link to `python3.N`."""
    for folder in ("usr/local/bin", "usr/bin"):
        first = files.get(f"{folder}/python3")
        if first is None or first.link is None:
            continue
        target = PurePosixPath(first.link).name
        found = re.fullmatch(r"python3\.(\d+)", target)
        if found:
            return (3, int(found[1]))
    return None


def _assignments(text: str) -> dict[str, str]:
    """Return the variables of an os-release file."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: value.strip("\"'") for name, _, value in pairs}


def _plain_path(name: str) -> str:
    """Return a member's name without what tars put before it."""
    return str(PurePosixPath("/", name).relative_to("/")).removeprefix("./")
