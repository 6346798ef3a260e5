# SPDX-License-Identifier: BSD-3-Clause
"""A token and a gpg home with an agent, made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gpg_homes import PASSPHRASE, GpgHome, gpg_home_in
from tests.tokens import SoftToken, soft_token


@pytest.fixture(scope="session")
def made_token(tmp_path_factory: pytest.TempPathFactory) -> SoftToken:
    with pytest.MonkeyPatch.context() as patch:
        return soft_token(tmp_path_factory.mktemp("token"), patch)


@pytest.fixture
def token(made_token: SoftToken, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    return made_token.plug(monkeypatch)


@pytest.fixture(scope="session")
def gpg_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpgHome]:
    home = gpg_home_in(tmp_path_factory.mktemp("agent"))
    yield home
    home.forget()


@pytest.fixture(scope="session")
def plain(gpg_home: GpgHome) -> str:
    """The fingerprint of a key without a passphrase."""
    return gpg_home.new_key("plain")


@pytest.fixture(scope="session")
def locked(gpg_home: GpgHome) -> str:
    """The fingerprint of a key whose passphrase the pinentry knows."""
    return gpg_home.new_key("locked", PASSPHRASE)
