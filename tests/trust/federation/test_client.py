# SPDX-License-Identifier: BSD-3-Clause
"""The client of the federation on metadata that python-tuf alone has written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import Refused, UserError
from tests.federations import NOW, REPOSITORY, FederationMaker, target
from trust.federation.client import Federation, open_federation

IMAGE, STATEMENT = b"an image of ESRF", b"what is said of it"


def a_federation() -> FederationMaker:
    """Return a federation in which ESRF lists an image and its statement, core the repository's key."""
    maker = FederationMaker()
    maker.lists["esrf"] = [
        target("esrf/pymca/5.9.4/pymca.sif", IMAGE),
        target("esrf/pymca/5.9.4/pymca.sif.statement.json", STATEMENT),
    ]
    maker.lists["core"] = [
        target(f"core/keys/{REPOSITORY}.pub", b"KEY", location=f"trust/{REPOSITORY}.pub")
    ]
    return maker


def put(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def maker() -> FederationMaker:
    return a_federation()


def opened(maker: FederationMaker, tmp_path: Path, *, days: float = 0) -> Federation:
    return open_federation(
        maker.roots["1.root.json"],
        tmp_path / "federation",
        cache=tmp_path / "cache",
        at=NOW + timedelta(days=days),
    )


def test_a_file_of_a_version_is_found_in_its_namespace(
    maker: FederationMaker, tmp_path: Path
) -> None:
    put(maker.publish(), tmp_path / "federation")

    found = opened(maker, tmp_path).find("esrf", "pymca", "5.9.4", "pymca.sif")

    assert (found.namespace, found.package, found.version, found.file) == (
        "esrf",
        "pymca",
        "5.9.4",
        "pymca.sif",
    )
    assert (found.repository, found.location) == (REPOSITORY, "images/pymca/5.9.4/pymca.sif")
    found.check(IMAGE)


def test_who_speaks_for_what_is_told(maker: FederationMaker, tmp_path: Path) -> None:
    put(maker.publish(), tmp_path / "federation")

    federation = opened(maker, tmp_path)

    assert federation.facilities == ("DESY", "ESRF", "ILL")
    assert [(n.name, n.facilities, n.threshold) for n in federation.namespaces] == [
        ("core", ("DESY", "ESRF", "ILL"), 2),
        ("esrf", ("ESRF",), 1),
        ("ill", ("ILL",), 1),
    ]
    assert federation.root_version == 1
    assert federation.expires[0] == ("timestamp", NOW + timedelta(days=3))


def test_a_namespace_is_listed_whole(maker: FederationMaker, tmp_path: Path) -> None:
    put(maker.publish(), tmp_path / "federation")

    listed = opened(maker, tmp_path).listed("esrf")

    assert [each.file for each in listed] == ["pymca.sif", "pymca.sif.statement.json"]


def test_a_key_is_fetched_from_beside_the_metadata(maker: FederationMaker, tmp_path: Path) -> None:
    put(maker.publish(), tmp_path / "federation")
    federation = opened(maker, tmp_path)
    key = federation.find_key("core", f"{REPOSITORY}.pub")
    folder = tmp_path / "federation" / "targets" / "core" / "keys"
    put({f"{key.sha256}.{key.file}": b"KEY"}, folder)

    assert federation.fetch(key) == b"KEY"
    assert (key.package, key.version) == (None, None)


def test_another_key_in_its_place_is_refused(maker: FederationMaker, tmp_path: Path) -> None:
    put(maker.publish(), tmp_path / "federation")
    federation = opened(maker, tmp_path)
    key = federation.find_key("core", f"{REPOSITORY}.pub")
    folder = tmp_path / "federation" / "targets" / "core" / "keys"
    put({f"{key.sha256}.{key.file}": b"BAD"}, folder)

    with pytest.raises(Refused, match=f"is not core/keys/{REPOSITORY}.pub of the federation"):
        federation.fetch(key)


@pytest.mark.parametrize(
    ("namespace", "package", "reason"),
    [
        ("esrf", "mantid", "esrf does not list esrf/mantid/5.9.4/pymca.sif"),
        ("desy", "pymca", "the federation delegates no namespace 'desy'"),
    ],
)
def test_what_nobody_answers_for_is_refused(
    maker: FederationMaker, tmp_path: Path, namespace: str, package: str, reason: str
) -> None:
    put(maker.publish(), tmp_path / "federation")

    with pytest.raises(Refused, match=reason):
        opened(maker, tmp_path).find(namespace, package, "5.9.4", "pymca.sif")


@pytest.mark.parametrize("part", ["../x", "a/b", "", ".hidden", "x\n"])
def test_a_name_that_leads_elsewhere_is_refused(
    maker: FederationMaker, tmp_path: Path, part: str
) -> None:
    put(maker.publish(), tmp_path / "federation")

    with pytest.raises(UserError, match="cannot be part of a target's name"):
        opened(maker, tmp_path).find("esrf", part, "1", "x.sif")


def test_a_list_without_the_place_of_a_file_is_refused(
    maker: FederationMaker, tmp_path: Path
) -> None:
    maker.lists["esrf"][0].unrecognized_fields.clear()
    put(maker.publish(), tmp_path / "federation")

    with pytest.raises(Refused, match="without its sha256 or without where it lies"):
        opened(maker, tmp_path).find("esrf", "pymca", "5.9.4", "pymca.sif")


def test_new_roots_are_followed_from_the_first(maker: FederationMaker, tmp_path: Path) -> None:
    put(maker.publish(), tmp_path / "federation")
    assert opened(maker, tmp_path).root_version == 1
    maker.new_root()
    maker.new_root()
    put(maker.publish(), tmp_path / "federation")

    assert opened(maker, tmp_path).root_version == 3


def test_a_reader_of_ones_own_is_a_source(maker: FederationMaker, tmp_path: Path) -> None:
    files = maker.publish()

    def read(name: str) -> Iterator[bytes]:
        if name not in files:
            raise FileNotFoundError(name)
        yield files[name]

    federation = open_federation(maker.roots["1.root.json"], read, cache=tmp_path / "cache", at=NOW)

    assert federation.find("esrf", "pymca", "5.9.4", "pymca.sif").length == len(IMAGE)


def test_nothing_is_read_again_that_did_not_change(maker: FederationMaker, tmp_path: Path) -> None:
    files = maker.publish()
    read: list[str] = []

    def reader(name: str) -> Iterator[bytes]:
        read.append(name)
        if name not in files:
            raise FileNotFoundError(name)
        yield files[name]

    for _ in range(2):
        federation = open_federation(
            maker.roots["1.root.json"], reader, cache=tmp_path / "cache", at=NOW
        )
        federation.find("esrf", "pymca", "5.9.4", "pymca.sif")

    assert read == [
        "2.root.json",
        "timestamp.json",
        "1.snapshot.json",
        "1.targets.json",
        "1.esrf.json",
        "2.root.json",
        "timestamp.json",
    ]


def test_who_may_only_read_the_memory_works_on_a_copy(
    maker: FederationMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = maker.publish()
    put(old, tmp_path / "federation")
    opened(maker, tmp_path)
    seen = (tmp_path / "cache" / "timestamp.json").read_bytes()
    put(maker.publish(), tmp_path / "federation")
    monkeypatch.setattr(os, "access", lambda *_: False)

    federation = opened(maker, tmp_path)

    assert federation.find("esrf", "pymca", "5.9.4", "pymca.sif").length == len(IMAGE)
    assert (tmp_path / "cache" / "timestamp.json").read_bytes() == seen
    monkeypatch.undo()
    opened(maker, tmp_path)
    put(old, tmp_path / "federation")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(Refused, match="an older state of the federation"):
        opened(maker, tmp_path)


def test_a_root_that_does_not_sign_itself_is_refused(tmp_path: Path) -> None:
    maker = FederationMaker()
    half_signed = maker.new_root(only=1)
    put(maker.publish(), tmp_path / "federation")

    with pytest.raises(Refused, match="root was signed by 1/2 keys"):
        open_federation(half_signed, tmp_path / "federation", cache=tmp_path / "cache", at=NOW)


@pytest.mark.parametrize(
    "root", [b"", b"[]", b"{}", b'{"signed": {}, "signatures": []}', b"[" * 100_000, b"\xff"]
)
def test_a_root_that_is_none_is_refused(tmp_path: Path, root: bytes) -> None:
    with pytest.raises(Refused, match="no sound federation metadata"):
        open_federation(root, tmp_path, cache=tmp_path / "cache", at=NOW)


def test_an_address_of_another_kind_is_refused(maker: FederationMaker, tmp_path: Path) -> None:
    maker.publish()

    with pytest.raises(UserError, match="not an address of the federation"):
        open_federation(
            maker.roots["1.root.json"], "ftp://example.org", cache=tmp_path / "cache", at=NOW
        )


def test_a_target_that_is_a_file_is_checked_by_its_bytes(
    maker: FederationMaker, tmp_path: Path
) -> None:
    put(maker.publish(), tmp_path / "federation")
    found = opened(maker, tmp_path).find("esrf", "pymca", "5.9.4", "pymca.sif")
    file = tmp_path / "pymca.sif"
    file.write_bytes(IMAGE)

    found.check(file)
    file.write_bytes(IMAGE[:-1] + b"X")

    with pytest.raises(Refused, match=r"pymca.sif is not esrf/pymca/5.9.4/pymca.sif"):
        found.check(file)
