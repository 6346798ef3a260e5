# SPDX-License-Identifier: BSD-3-Clause
"""The ids that the entries of a changelog name, between two versions in Debian's order."""

from __future__ import annotations

import hashlib
import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builder.inputs import locking
from builder.inputs.apt_newer import offered
from builder.inputs.cache import InputCache
from builder.inputs.debian_changelog import changelogs, ids_since
from builder.state import State
from core.console import Console
from tests.builder.inputs.small_archive import ARCHIVE, serve
from tests.packages import Deb
from tests.servers import FileServer

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
QUIET = Console(quiet=True)
CHANGELOG = """\
foo (1:1.0-1+deb12u2) bookworm-security; urgency=high

  * CVE-2026-0003, and what DSA 5678-1 tells; CVE-2026-0003 once more.

foo (1:1.0-1+deb12u1) bookworm; urgency=medium

  * CVE-2026-0002

foo (1:1.0-1) unstable; urgency=low

  * CVE-2026-0001

foo (1:1.0~rc1-1) unstable; urgency=low

  * CVE-2025-0001

foo (9.0-1) unstable; urgency=low

  * CVE-2020-0001: before the epoch, so it is older than all of the above.
"""


@pytest.mark.parametrize(
    ("after", "until", "ids"),
    [
        ("1:1.0-1+deb12u1", "1:1.0-1+deb12u2", ("CVE-2026-0003", "DSA-5678-1")),
        ("1:1.0-1", "1:1.0-1+deb12u1", ("CVE-2026-0002",)),
        ("1:1.0-1", "1:1.0-1+deb12u2", ("CVE-2026-0002", "CVE-2026-0003", "DSA-5678-1")),
        ("1:1.0~rc1-1", "1:1.0-1", ("CVE-2026-0001",)),
        ("1:1.0~beta-1", "1:1.0~rc1-1", ("CVE-2025-0001",)),
        ("1:1.0-1+deb12u2", "1:1.0-1+deb12u2", ()),
        ("9.0-1", "1:1.0~rc1-1", ("CVE-2025-0001",)),
    ],
)
def test_only_entries_in_between_count(after: str, until: str, ids: tuple[str, ...]) -> None:
    assert ids_since(CHANGELOG, after=after, until=until) == ids


def test_what_is_no_changelog_names_nothing() -> None:
    assert ids_since("\x00CVE-2026-0001", after="0", until="9") == ()


def packaging(text: str) -> bytes:
    """Return an archive with the folder `debian` of a source package."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:xz") as tar:
        member = tarfile.TarInfo("debian/changelog")
        member.size = len(text.encode())
        tar.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue()


def read(host: FileServer, tmp_path: Path) -> dict[tuple[str, str], str]:
    """Return the changelogs that can be had of the sources of `libgd3` and `bash`."""
    state = State(tmp_path / "a state")
    archives = locking.host_archives(state, at=AT, console=QUIET)
    wanted = {
        (each.source, each.source_version): [each.package]
        for each in offered(archives, {"libgd3", "bash"})
    }
    cache = InputCache(state.inputs)
    return dict(changelogs(wanted, archives, cache, at=AT, console=QUIET))


@pytest.mark.needs("apt-get", "dpkg-deb")
def test_a_mirror_without_sources_has_it_in_the_binary_package(
    host: FileServer, tmp_path: Path
) -> None:
    debs = tuple(each for each in ARCHIVE if each.name != "libgd3")
    serve(host, tmp_path / "archive", (*debs, Deb("libgd3", "2.3.3-9", changelog=CHANGELOG)))

    assert read(host, tmp_path) == {("libgd3", "2.3.3-9"): CHANGELOG}  # bash has none


@pytest.mark.needs("apt-get", "dpkg-deb")
def test_the_source_package_is_asked_first(host: FileServer, tmp_path: Path) -> None:
    serve(host, tmp_path / "archive", ARCHIVE)
    content = packaging(CHANGELOG)
    sources = (
        "Package: libgd3\nVersion: 2.3.3-9\nFormat: 3.0 (quilt)\nDirectory: pool/main/libg\n"
        f"Checksums-Sha256:\n {hashlib.sha256(content).hexdigest()} {len(content)} "
        "libgd3_2.3.3-9.debian.tar.xz\n"
    ).encode()
    host.files["/debian/dists/bookworm/main/source/Sources"] = sources
    host.files["/debian/dists/bookworm/Release"] += (
        f" {hashlib.sha256(sources).hexdigest()} {len(sources)} main/source/Sources\n".encode()
    )
    host.files["/debian/pool/main/libg/libgd3_2.3.3-9.debian.tar.xz"] = content

    assert read(host, tmp_path) == {("libgd3", "2.3.3-9"): CHANGELOG}
    assert not any("libgd3_2.3.3-9_amd64.deb" in each.path for each in host.requests)
