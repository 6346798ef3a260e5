# SPDX-License-Identifier: BSD-3-Clause
"""A token and a gpg home with an agent, made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import process
from tests.tokens import SoftToken, soft_token

PASSPHRASE = "a passphrase of the test"
PINENTRY = f"""#!/bin/sh
echo "$$" >> "$0.asked"
echo OK
while read -r word rest; do
    case "$word" in
    GETPIN) echo "D {PASSPHRASE}"; echo OK ;;
    BYE) echo OK; exit 0 ;;
    *) echo OK ;;
    esac
done
"""


@dataclass(frozen=True, slots=True)
class GpgHome:
    """A home with two keys: `plain` without a passphrase, `locked` with one that pinentry knows."""

    folder: Path
    plain: str
    locked: str

    @property
    def asked(self) -> int:
        """Return how many times a person would have been asked."""
        file = self.folder / "pinentry.asked"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def forget(self) -> None:
        """Have the agent forget what it was told."""
        _end(self.folder)


@pytest.fixture(scope="session")
def made_token(tmp_path_factory: pytest.TempPathFactory) -> SoftToken:
    with pytest.MonkeyPatch.context() as patch:
        return soft_token(tmp_path_factory.mktemp("token"), patch)


@pytest.fixture
def token(made_token: SoftToken, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    return made_token.plug(monkeypatch)


@pytest.fixture(scope="session")
def gpg_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpgHome]:
    folder = tmp_path_factory.mktemp("agent")
    folder.chmod(0o700)
    pinentry = folder / "pinentry"
    pinentry.write_text(PINENTRY)
    pinentry.chmod(0o700)
    (folder / "gpg-agent.conf").write_text(f"pinentry-program {pinentry}\n")
    plain = _key(folder, "plain", "")
    locked = _key(folder, "locked", PASSPHRASE)
    _end(folder)
    yield GpgHome(folder, plain, locked)
    _end(folder)


def _key(home: Path, name: str, passphrase: str) -> str:
    gpg = ("gpg", "--homedir", home, "--batch", "--pinentry-mode", "loopback")
    user = f"{name} <{name}@example.org>"
    process.run(
        [*gpg, "--passphrase-fd", "0", "--quick-generate-key", user, "ed25519", "sign", "30d"],
        reason="prepare a key",
        stdin=passphrase + "\n",
    )
    listed = process.run([*gpg, "--with-colons", "--list-keys", user], reason="list the key").stdout
    return next(row.split(":")[9] for row in listed.splitlines() if row.startswith("fpr:"))


def _end(home: Path) -> None:
    process.run(["gpgconf", "--homedir", home, "--kill", "all"], reason="end an agent")
