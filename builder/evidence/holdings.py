# SPDX-License-Identifier: BSD-3-Clause
"""What an image holds, read from the image itself: its file systems merged, packages, environment.

Nothing beside the image is asked, so this works for a file that somebody was sent.
"""

from __future__ import annotations

import json
import re
import shlex
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.evidence.components import Component
from builder.evidence.debian import debian_components
from builder.evidence.languages import npm_components, python_components
from builder.evidence.squashfs import Entry, entries, extract
from builder.images.build_user import BuildUser
from core.errors import UserError
from core.files import sha256_file
from trust.signing import sif

DPKG_STATUS = "/var/lib/dpkg/status"
_OF_DEBIAN = re.compile(r"/usr/(lib|share)/(python3|nodejs)")
_METADATA = re.compile(r".*/[^/]+\.(dist-info/METADATA|egg-info/PKG-INFO)")
_NPM = re.compile(r".*/node_modules/(@[^/]+/)?[^/]+/package\.json")
_SETTINGS = re.compile(r"/\.singularity\.d/env/[^/]+\.sh")
_EXPORT = re.compile(r"export ([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_LABELS = "/.singularity.d/labels.json"


@dataclass(frozen=True, slots=True)
class Partition:
    """A file system in an image; `sha256` of all its bytes."""

    name: str
    offset: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """An image: `files` is what its programs see, with the number of the partition each is in."""

    path: Path
    sha256: str
    size: int
    partitions: tuple[Partition, ...]
    files: Mapping[str, tuple[Entry, int]]
    components: tuple[Component, ...]
    environment: Mapping[str, str]
    labels: Mapping[str, str]


def read_holdings(image: Path, *, user: BuildUser, scratch: Path) -> Holdings:
    """Return what an image holds.

    Args:
        image: a SIF file with squashfs partitions.
        user: who runs the program that reads them.
        scratch: an empty folder of that user.

    Raises:
        UserError: it is no image, or its partitions cannot be read.
    """
    partitions = _partitions(image)
    files = _merged(image, partitions, user=user)
    wanted = [path for path, (entry, _) in files.items() if entry.kind == "-" and _is_asked(path)]
    texts = read_files(image, partitions, files, wanted, user=user, scratch=scratch)
    status = texts.get(DPKG_STATUS, b"").decode("utf-8", "replace")
    python = {_folder(path): _headers(texts[path]) for path in texts if _METADATA.fullmatch(path)}
    npm = {
        _folder(path): texts[path].decode("utf-8", "replace")
        for path in texts
        if _NPM.fullmatch(path)
    }
    return Holdings(
        path=image,
        sha256=sha256_file(image),
        size=image.stat().st_size,
        partitions=partitions,
        files=files,
        components=(
            *debian_components(status, {}),
            *python_components(python),
            *npm_components(npm),
        ),
        environment=_environment(texts),
        labels=_labels(texts.get(_LABELS, b"{}")),
    )


def read_files(
    image: Path,
    partitions: tuple[Partition, ...],
    files: Mapping[str, tuple[Entry, int]],
    paths: Iterable[str],
    *,
    user: BuildUser,
    scratch: Path,
) -> dict[str, bytes]:
    """Return the content of regular files of an image, of those that can be read."""
    by_partition: dict[int, list[str]] = {}
    for path in paths:
        by_partition.setdefault(files[path][1], []).append(path)
    found: dict[str, bytes] = {}
    for number, inside in by_partition.items():
        folder = Path(tempfile.mkdtemp(prefix="read-", dir=scratch))
        folder.chmod(0o755)
        user.give(folder)
        extract(image, partitions[number].offset, inside, folder / "root", user=user)
        for path in inside:
            file = folder / "root" / path.lstrip("/")
            if file.is_file() and not file.is_symlink():
                found[path] = file.read_bytes()
    return found


def _partitions(image: Path) -> tuple[Partition, ...]:
    """Return the file systems of an image, the lowest first."""
    found = [item for item in sif.read(image).objects if item.kind == sif.PARTITION]
    if not found:
        raise UserError(f"{image} has no file system in it", hint="name an image with programs")
    # the primary one lies at the bottom, whatever the order in the file
    found.sort(key=lambda item: item.partition not in (1, 2))
    with image.open("rb") as stream:
        return tuple(
            Partition(
                item.name or f"partition {item.id}",
                item.offset,
                item.size,
                sif.sha256_range(stream, item.offset, item.size),
            )
            for item in found
        )


def _merged(
    image: Path, partitions: tuple[Partition, ...], *, user: BuildUser
) -> Mapping[str, tuple[Entry, int]]:
    """Return what programs see: a later partition hides what stands below under the same name."""
    files: dict[str, tuple[Entry, int]] = {}
    for number, partition in enumerate(partitions):
        upper = {entry.path: entry for entry in entries(image, partition.offset, user=user)}
        hidden = tuple(
            f"{path}/"
            for path, entry in upper.items()
            if path in files and files[path][0].kind == "d" and entry.kind != "d"
        )
        if hidden:
            files = {path: seen for path, seen in files.items() if not path.startswith(hidden)}
        for path, entry in upper.items():
            if entry.is_whiteout:
                files.pop(path, None)
            else:
                files[path] = (entry, number)
    return files


def _is_asked(path: str) -> bool:
    if path in (DPKG_STATUS, _LABELS) or _SETTINGS.fullmatch(path):
        return True
    is_metadata = _METADATA.fullmatch(path) or _NPM.fullmatch(path)
    return bool(is_metadata) and not _OF_DEBIAN.match(path)


def _folder(path: str) -> str:
    return path.lstrip("/").rpartition("/")[0]


def _headers(content: bytes) -> str:
    return content.partition(b"\n\n")[0].decode("utf-8", "replace")


def _environment(texts: Mapping[str, bytes]) -> dict[str, str]:
    """Return what the settings of an image export, in the order that Apptainer sources them."""
    found: dict[str, str] = {}
    for path in sorted(path for path in texts if _SETTINGS.fullmatch(path)):
        for line in texts[path].decode("utf-8", "replace").splitlines():
            exported = _EXPORT.fullmatch(line.strip())
            if exported is None:
                continue
            try:
                found[exported[1]] = " ".join(shlex.split(exported[2]))
            except ValueError:
                found[exported[1]] = exported[2]  # over several lines; enough to see a difference
    return found


def _labels(content: bytes) -> dict[str, str]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return {str(k): str(v) for k, v in data.items()} if isinstance(data, dict) else {}
