# SPDX-License-Identifier: BSD-3-Clause
"""What Debian's changelogs say of vulnerabilities: the ids that the entries of new versions name.

The changelog is `debian/changelog` of the source package and `/usr/share/doc/NAME/changelog.Debian.gz` of
the binary packages (Debian Policy 4.4, 12.7), which the host's archives have and sign like everything else.
So nothing but these archives is asked. The only module that reads .debs with python-debian.
"""

from __future__ import annotations

import contextlib
import gzip
import re
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from debian.arfile import ArError
from debian.debfile import DebError, DebFile

from builder.inputs.apt import AptState, DebianPackage
from builder.inputs.apt_sources import packaging_files
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch
from builder.inputs.lock import Input
from core.console import Console
from core.errors import UserError
from core.versions import Scheme, compare

_HEAD = re.compile(r"^(\S+) \(([^()\s]+)\) ", re.MULTILINE)
_ID = re.compile(r"\b(?:CVE-\d{4}-\d{4,7}|DSA[- ]\d{3,5}(?:-\d+)?)\b")
_MOST_BYTES = 8 << 20
_BINARIES = 3
_CHANGELOGS = ("changelog.Debian.gz", "changelog.gz")
_MEMBER = re.compile(r"(\./)?([^/]+/)?debian/changelog")


def changelogs(
    wanted: Mapping[tuple[str, str], Sequence[DebianPackage]],
    state: AptState,
    cache: InputCache,
    *,
    at: datetime,
    console: Console,
) -> Mapping[tuple[str, str], str]:
    """Return the changelogs of source packages by name and version; what cannot be had is left out.

    The source package is asked for first, for it is small. A mirror need not have sources: then the smallest
    binary packages are looked into, in which the changelog is as well.

    Args:
        wanted: names and Debian versions, each with binary packages that were built from it.
        state: a state of the host's archives.
        cache: where archives are kept, each by its sha256.
        at: the time, which decides whether lists are read again.
        console: whom to tell.

    Raises:
        UserError: the host's archives cannot be read.
    """
    quiet = Console(quiet=True)  # that a mirror has no sources is nothing to tell
    files = packaging_files(wanted.keys(), state, at=at, console=console)
    _try(files.values(), cache, quiet)
    found = {
        key: text
        for key, file in files.items()
        if cache.has(file.sha256) and (text := _in_source(cache.path(file.sha256))) is not None
    }
    for number in range(_BINARIES):
        binaries = {
            key: sorted(packages, key=lambda package: (package.size, package.name))[number]
            for key, packages in wanted.items()
            if key not in found and len(packages) > number
        }
        _try(binaries.values(), cache, console)
        for key, package in binaries.items():
            if cache.has(package.sha256):
                text = _in_binary(cache.path(package.sha256), package.name)
                found |= {key: text} if text is not None else {}
    return found


def _try(inputs: Iterable[Input], cache: InputCache, console: Console) -> None:
    with contextlib.suppress(UserError):  # whoever looks for it sees what came
        fetch(inputs, cache, console=console)


def ids_since(changelog: str, *, after: str, until: str) -> tuple[str, ...]:
    """Return the ids of vulnerabilities that the entries of some versions name, each once, sorted.

    Args:
        changelog: its text, the newest entry first.
        after: the version whose own entry is not read any more.
        until: the newest version that is read.
    """
    heads = list(_HEAD.finditer(changelog))
    ends = [*(head.start() for head in heads[1:]), len(changelog)]
    found: set[str] = set()
    for head, end in zip(heads, ends, strict=False):
        past, ahead = compare(head[2], after, Scheme.DEBIAN), compare(head[2], until, Scheme.DEBIAN)
        if past == 1 and ahead in (-1, 0):
            found.update(
                each.replace(" ", "-") for each in _ID.findall(changelog[head.end() : end])
            )
    return tuple(sorted(found))


def _in_source(archive: Path) -> str | None:
    """Return the changelog in an archive of a source package; None where there is none to read."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if _MEMBER.fullmatch(member.name) and member.isfile():
                    stream = tar.extractfile(member)
                    return stream.read(_MOST_BYTES).decode("utf-8", "replace") if stream else None
    except (tarfile.TarError, OSError, EOFError):
        return None
    return None


def _in_binary(archive: Path, name: str) -> str | None:
    """Return the changelog in a binary package; None where there is none, or a link to another package's."""
    try:
        with archive.open("rb") as opened, contextlib.closing(DebFile(fileobj=opened)) as deb:
            data: Any = deb.data  # Any: python-debian has no types
            for file in _CHANGELOGS:
                path = f"usr/share/doc/{name}/{file}"
                if data.has_file(path):
                    with data.get_file(path) as packed, gzip.open(packed) as stream:
                        return stream.read(_MOST_BYTES).decode("utf-8", "replace")
    except (ArError, DebError, KeyError, tarfile.TarError, OSError, EOFError):
        return None
    return None
