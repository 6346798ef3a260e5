# SPDX-License-Identifier: BSD-3-Clause
"""An image goes from an archive through a real Docker daemon into a real registry, by whoever may push."""

from __future__ import annotations

import gc
import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builder.inputs import docker_daemon
from builder.inputs.docker_daemon import Login, check_reference
from core.errors import UserError
from pansoft.ci.image.archive import About, Written, write_archive
from pansoft.ci.image.layers import Layer
from tests import registries
from tests.docker_daemons import Daemon
from tests.docker_daemons import docker_daemon as a_daemon
from tests.registries import LocalRegistry

ABOUT = About("0123abcd", 1_700_000_000, "BSD-3-Clause")


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    if os.geteuid() != 0:
        pytest.skip("a Docker daemon needs root")
    with a_daemon() as running:
        yield running


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[LocalRegistry]:
    with registries.registry(tmp_path, has_password=True) as running:
        yield running


@pytest.fixture
def made(tmp_path: Path) -> Written:
    tar = tmp_path / "layer.tar"
    with tarfile.open(tar, "w") as layer:
        entry = tarfile.TarInfo("file")
        entry.size = 3
        layer.addfile(entry, io.BytesIO(b"abc"))
    return write_archive([Layer(tar, "test")], ABOUT, tmp_path / "image.tar", tag="tiny:1")


def push(made: Written, reference: str, login: Login | None, address: str) -> str:
    return docker_daemon.push_image(
        made.archive,
        (f"sha256:{made.id}", made.digest),
        reference,
        login=login,
        environment={"DOCKER_HOST": address},
    )


@pytest.mark.needs("dockerd", "docker", "docker-registry")
def test_an_image_is_pushed_and_had_again_by_the_digest_that_is_told(
    daemon: Daemon, registry: LocalRegistry, made: Written
) -> None:
    login = Login(registries.USER, registries.PASSWORD)

    pushed = push(made, f"{registry.host}/facility/ci:1", login, daemon.address)

    repository, _, digest = pushed.partition("@sha256:")
    assert repository == f"{registry.host}/facility/ci"
    assert registry.stored(digest).is_file()
    assert made.id.encode() in registry.stored(digest).read_bytes()


@pytest.mark.needs("dockerd", "docker", "docker-registry")
@pytest.mark.parametrize(
    "login", [Login(registries.USER, "open sesame"), None], ids=["wrong password", "nobody"]
)
def test_who_may_not_push_is_told_without_the_password(
    login: Login | None, daemon: Daemon, registry: LocalRegistry, made: Written
) -> None:
    with pytest.raises(UserError, match="was not pushed") as refused:
        push(made, f"{registry.host}/facility/ci:1", login, daemon.address)

    assert "open sesame" not in f"{refused.value.message} {refused.value.hint} {login!r}"
    assert not list(registry.storage.rglob("_manifests"))


@pytest.mark.needs("dockerd", "docker")
def test_another_image_than_the_one_that_was_made_is_not_pushed(
    daemon: Daemon, made: Written
) -> None:
    other = replace(made, id="0" * 64, digest="sha256:" + "0" * 64)

    with pytest.raises(UserError, match=r"made something else of image.tar"):
        push(other, "127.0.0.1:9/ci:1", None, daemon.address)


@pytest.mark.needs("dockerd", "docker")
def test_what_is_no_image_is_not_pushed(daemon: Daemon, made: Written) -> None:
    made.archive.write_bytes(b"no tar")

    with pytest.raises(UserError, match=r"127.0.0.1:9/ci:1 was not pushed"):
        push(made, "127.0.0.1:9/ci:1", None, daemon.address)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the library forgets to close its socket
def test_without_a_daemon_nothing_is_pushed(made: Written, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be pushed: no Docker daemon answers"):
        push(made, "127.0.0.1:9/ci:1", None, f"unix://{tmp_path}/nobody.sock")
    gc.collect()


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("registry.example.org/group/ci:latest", ("registry.example.org/group/ci", "latest")),
        ("127.0.0.1:5000/ci:2026-01", ("127.0.0.1:5000/ci", "2026-01")),
    ],
)
def test_a_reference_is_a_repository_and_a_tag(reference: str, parts: tuple[str, str]) -> None:
    assert check_reference(reference) == parts
