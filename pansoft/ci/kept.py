# SPDX-License-Identifier: BSD-3-Clause
"""What a job keeps of its packages in a file, for the job that reports and for the one that publishes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from catalog import codec
from core.canonical import readable_json
from core.errors import UserError
from core.harmless import harmless
from pansoft.ci import preview as previews
from pansoft.ci.note import PackageNote
from pansoft.ci.preview import Preview

FILE = "packages.json"
SCHEMA = 4
_READ = (2, 3, SCHEMA)
"""What open merge requests have left: before 3 there were no previews, before 4 nothing was moved."""
MOST_BYTES = 8_000_000
"""How long a file may be, which comes from a job that ran what a stranger wrote. A new base under 300
packages changes some hundred components of each."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]*")
_HEX = re.compile(r"[0-9a-f]{64}")
_MOST = 1e15
"""Bytes, seconds, tests: more than that nobody has measured, and Python does not write every number."""
_LONGEST = 300
_LINES = 100
_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What stands in the file."""

    schema: int
    packages: tuple[PackageNote, ...]
    preview: Preview | None = None


def keep(packages: Sequence[PackageNote], preview: Preview | None = None) -> bytes:
    """Return what is known of packages as the content of the file; long output is cut to its end."""
    kept = Kept(SCHEMA, tuple(_cut(package) for package in packages), preview)
    return readable_json(codec.to_json(kept)).encode()


def read(folder: Path) -> tuple[PackageNote, ...]:
    """Return what was kept below a folder, by path; nothing where there is no such folder.

    Raises:
        UserError: a file is not what `keep` writes.
    """
    found: list[PackageNote] = []
    for file in sorted(folder.rglob(FILE)):
        try:
            content = file.read_bytes()
        except OSError as err:
            raise _unreadable(str(file), str(err)) from err
        found += parse(content, whence=str(file)).packages
    return tuple(found)


def parse(content: bytes, *, whence: str) -> Kept:
    """Return what stands in the content of a file.

    Raises:
        UserError: it is not what `keep` writes; names where it is from.
    """
    if len(content) > MOST_BYTES:
        raise _unreadable(whence, f"it has more than {MOST_BYTES} bytes")
    try:
        kept = codec.from_json(Kept, codec.parse_json(content, most=MOST_BYTES))
    except codec.Malformed as err:
        raise _unreadable(whence, str(err)) from err
    if kept.schema not in _READ:
        known = ", ".join(map(str, _READ))
        raise _unreadable(whence, f"its schema is {kept.schema}, this program reads {known}")
    for package in kept.packages:
        if (wrong := next(_faults(package), None)) is not None:
            raise _unreadable(whence, wrong)
    if kept.preview is not None and (wrong := next(previews.faults(kept.preview), None)):
        raise _unreadable(whence, wrong)
    return kept


def _faults(package: PackageNote) -> Iterator[str]:
    """Yield why a package is none that `keep` has written."""
    for name in (package.key, package.name):
        if not _NAME.fullmatch(name):  # a reader pastes these into a shell
            yield f"{name[:64]!r} is no name of a package"
    for digest in (package.plan, package.sha256):
        if digest is not None and not _HEX.fullmatch(digest):
            yield f"{digest[:80]!r} is no sha256"
    for each in fields(package):
        value = getattr(package, each.name)
        if isinstance(value, int | float) and not 0 <= value <= _MOST:
            yield f"{each.name} is no number that was measured"


def _cut(package: PackageNote) -> PackageNote:
    output = "\n".join(package.output.splitlines()[-_LINES:])[-_CHARACTERS:]
    return replace(package, output=output)


def _unreadable(whence: str, why: str) -> UserError:
    told = harmless(why).replace("\n", " ")  # it may tell the words of a stranger
    return UserError(
        f"{whence} is not what a report keeps of packages: {told[:_LONGEST]}",
        hint="pansoft ci report NAME --output DIR writes it; use the same version of it for both",
    )
