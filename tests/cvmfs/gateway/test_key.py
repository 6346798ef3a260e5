# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.errors import NotFound
from cvmfs.gateway.key import VARIABLE, GatewayKey, load_gateway_key


@pytest.fixture(autouse=True)
def no_key_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget a key of the machine that runs the tests."""
    monkeypatch.delenv(VARIABLE, raising=False)


def key_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "repo.gw"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_genuine_file_is_read(tmp_path: Path) -> None:
    key = load_gateway_key(key_file(tmp_path, "plain_text\tpublisher  between-us\n"))

    assert key == GatewayKey("publisher", "between-us")


def test_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "plain_text job other")

    assert load_gateway_key(tmp_path / "missing") == GatewayKey("job", "other")


def test_secret_is_not_printed() -> None:
    assert "between" not in f"{GatewayKey('publisher', 'between us')!r}"


def test_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = key_file(tmp_path, "plain_text a b\n", 0o640)

    with pytest.raises(UserError, match="may be read by others") as refused:
        load_gateway_key(file)

    assert refused.value.hint == f"close it: chmod 600 {file}"


@pytest.mark.parametrize("text", ["", "plain_text name", "rsa name secret", "plain_text a b c"])
def test_other_forms_are_refused_without_their_text(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="is not the key of a gateway") as refused:
        load_gateway_key(key_file(tmp_path, text))

    assert "name" not in refused.value.message


def test_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is missing"):
        load_gateway_key(tmp_path / "none.gw")
