# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from builder.inputs.credentials import Login, login_files, login_for
from core.errors import UserError

HOST = "registry.example.org"
PAIR = base64.b64encode(b"alice:look:ing").decode()


def test_logins_are_where_docker_and_apptainer_keep_them() -> None:
    assert login_files({"HOME": "/home/a"}) == (
        Path("/home/a/.docker/config.json"),
        Path("/home/a/.apptainer/docker-config.json"),
    )
    assert login_files({"HOME": "/home/a", "DOCKER_CONFIG": "/x"})[0] == Path("/x/config.json")


@pytest.mark.parametrize(
    "auths",
    [
        {HOST: {"auth": PAIR}},
        {f"https://{HOST}": {"auth": PAIR}},
        {f"https://{HOST}/v1/": {"auth": PAIR}},
        {HOST: {"username": "alice", "password": "look:ing"}},
    ],
    ids=["host", "address", "old address", "in the clear"],
)
def test_a_login_is_found(auths: object, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": auths}))

    login = login_for(HOST, [tmp_path / "none.json", file])

    assert login == Login("alice", "look:ing")
    assert "look" not in repr(login)


@pytest.mark.parametrize(
    "content",
    [{}, {"auths": {}}, {"auths": {"other.example.org": {"auth": PAIR}}}, {"auths": {HOST: {}}}],
    ids=["nothing", "no logins", "another host", "kept elsewhere"],
)
def test_a_registry_without_a_login_is_asked_without(content: object, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(content))

    assert login_for(HOST, [file]) is None


@pytest.mark.parametrize(
    "content",
    ["{", "[]", json.dumps({"auths": {HOST: {"auth": "s3cret!"}}})],
    ids=["cut", "a list", "no base64"],
)
def test_a_broken_file_is_named_and_not_shown(content: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(content)

    with pytest.raises(UserError, match="is no file of registry logins") as refused:
        login_for(HOST, [file])

    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None
