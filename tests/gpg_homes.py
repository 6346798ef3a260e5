# SPDX-License-Identifier: BSD-3-Clause
"""Somebody's gpg home with a real agent, and a pinentry that answers in place of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core import process
from trust.keys.agent import AgentKey
from trust.keys.description import open_described, write_agent
from trust.programs import gnupg

PASSPHRASE = "a passphrase of the test"
_PINENTRY = f"""#!/bin/sh
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
    """A home folder of gpg's. Keys are ed25519, which cost nothing to make."""

    folder: Path

    @property
    def asked(self) -> int:
        """Return how many times a person would have been asked."""
        file = self.folder / "pinentry.asked"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def new_key(self, name: str, passphrase: str = "", expires: str = "30d") -> str:
        """Make a key and return its fingerprint."""
        gpg = ("gpg", "--homedir", self.folder, "--batch", "--pinentry-mode", "loopback")
        user = f"{name} <{name}@example.org>"
        process.run(
            [
                *gpg,
                "--passphrase-fd",
                "0",
                "--quick-generate-key",
                user,
                "ed25519",
                "sign",
                expires,
            ],
            reason="prepare a key",
            stdin=passphrase + "\n",
        )
        listed = process.run(
            [*gpg, "--with-colons", "--list-keys", user], reason="list the key"
        ).stdout
        return next(row.split(":")[9] for row in listed.splitlines() if row.startswith("fpr:"))

    def key(
        self, folder: Path, fingerprint: str, *, at: datetime, passphrase_file: Path | None = None
    ) -> AgentKey:
        """Describe a key in a new folder and open it."""
        public = gnupg.agent_key(self.folder, fingerprint)
        write_agent(folder, home=self.folder, public=public, passphrase_file=passphrase_file)
        key = open_described(folder, at=at)
        assert isinstance(key, AgentKey)
        return key

    def forget(self) -> None:
        """Have the agent forget what it was told."""
        process.run(["gpgconf", "--homedir", self.folder, "--kill", "all"], reason="end an agent")


def gpg_home_in(folder: Path) -> GpgHome:
    """Make a home without keys; the caller makes its agent forget at the end."""
    folder.chmod(0o700)
    pinentry = folder / "pinentry"
    pinentry.write_text(_PINENTRY)
    pinentry.chmod(0o700)
    (folder / "gpg-agent.conf").write_text(f"pinentry-program {pinentry}\n")
    return GpgHome(folder)
