# SPDX-License-Identifier: BSD-3-Clause
"""A description of a key is read strictly, and only where nobody else can write."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InvalidInput, UserError
from tests.gpg_homes import GpgHome
from tests.trust.conftest import NOW
from trust.keys.description import AGENT, TOKEN, open_described

pytestmark = pytest.mark.needs("gpg")


@pytest.fixture
def folder(gpg_home: GpgHome, plain: str, tmp_path: Path) -> Path:
    gpg_home.key(tmp_path / "key", plain, at=NOW)
    return tmp_path / "key"


@pytest.mark.parametrize(
    "text",
    [
        "schema: 1\nkind: agent\n",
        "schema: 1\nkind: ssh\nhome: /x\n",
        "schema: 2\nkind: agent\nhome: /x\n",
        "schema: 1\nkind: agent\nhome: relative\n",
        "schema: 1\nkind: agent\nhome: /x\npassphrase: secret\n",
        "schema: 1\nkind: pkcs11\nmodule: /x\ntoken: t\nobject: zz\npin_file: /p\n",
        "schema: 1\nkind: pkcs11\nmodule: /x\ntoken: t\nobject: '01'\npin: '4711'\n",
        "kind: agent\nkind: pkcs11\n",
    ],
    ids=[
        *("no home", "kind", "form", "relative", "a passphrase in it", "no id", "a PIN in it"),
        "twice",
    ],
)
def test_a_wrong_description_is_refused_with_its_place(folder: Path, text: str) -> None:
    (folder / "key.yaml").write_text(text)

    with pytest.raises(InvalidInput) as wrong:
        open_described(folder, at=NOW)

    assert wrong.value.problems[0].where.file.name == "key.yaml"


@pytest.mark.parametrize(("name", "mode"), [(".", 0o755), ("key.yaml", 0o666)])
def test_a_description_that_others_could_change_is_refused(
    folder: Path, name: str, mode: int
) -> None:
    (folder / name).chmod(mode)

    with pytest.raises(UserError, match=f"can be read by others \\(mode {mode:o}\\)"):
        open_described(folder, at=NOW)


def test_both_kinds_have_described_fields() -> None:
    assert all(rules["meta"]["description"] for form in (AGENT, TOKEN) for rules in form.values())
