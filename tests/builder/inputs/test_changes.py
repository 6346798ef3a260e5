# SPDX-License-Identifier: BSD-3-Clause
"""What differs between two locks."""

from __future__ import annotations

from dataclasses import replace

from builder.inputs.apt import DebianPackage
from builder.inputs.changes import changes
from builder.inputs.lock import PackageLock, PythonArtefact
from builder.recipes.recipe import Source, SourceKind

DEB = DebianPackage("libgd3", "2.3", "amd64", "pool/libgd3_2.3_amd64.deb", 1, "0" * 64)
WHEEL = PythonArtefact("numpy", "2.1", "numpy-2.1.whl", "1" * 64)
SOURCE = Source(SourceKind.URL, "https://a.example/a.tar.gz", "2" * 64)
LOCK = PackageLock("plotter", "asked", "base", (DEB,), (), (WHEEL,), (SOURCE,))


def test_every_part_of_a_lock_is_compared() -> None:
    new = replace(
        LOCK,
        debian=(),
        tools=(replace(DEB, name="gcc"),),
        python=(replace(WHEEL, version="2.2"),),
        sources=(replace(SOURCE, sha256="3" * 64),),
    )

    assert [str(change) for change in changes(LOCK, new)] == [
        "debian libgd3: removed 2.3",
        "tools gcc: added 2.3",
        "python numpy: 2.1 → 2.2",
        "sources https://a.example/a.tar.gz: 222222222222 → 333333333333",
    ]


def test_another_file_of_the_same_version_is_a_change() -> None:
    new = replace(LOCK, python=(replace(WHEEL, sha256="4" * 64),))

    assert [str(change) for change in changes(LOCK, new)] == ["python numpy: 2.1, another file"]


def test_without_an_old_lock_everything_is_added() -> None:
    assert [str(change) for change in changes(None, replace(LOCK, sources=()))] == [
        "debian libgd3: added 2.3",
        "python numpy: added 2.1",
    ]


def test_equal_locks_differ_in_nothing() -> None:
    assert changes(LOCK, replace(LOCK, asked="other")) == ()
