# SPDX-License-Identifier: BSD-3-Clause
"""A PKCS#11 token in software: SoftHSM, with a folder of its own. Real library, real sessions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from core import process

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "4711-of-the-test"
LABEL = "release token"


@dataclass(frozen=True, slots=True)
class SoftToken:
    """A token with an RSA key (id 01) and a P-256 key (id 02), and the file with its PIN."""

    folder: Path
    pin_file: Path
    config: Path

    def plug(self, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
        """Make this the token that the library sees for the time of a test."""
        monkeypatch.setenv("SOFTHSM2_CONF", str(self.config))
        return self


def soft_token(folder: Path, monkeypatch: pytest.MonkeyPatch, *, pin: str = PIN) -> SoftToken:
    """Make a token in a folder."""
    (folder / "tokens").mkdir(parents=True)
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(config))
    _run(
        *("softhsm2-util", "--init-token", "--free", "--label", LABEL),
        *("--so-pin", "12345678", "--pin", pin),
    )
    for kind, number in (("rsa:2048", "01"), ("EC:prime256v1", "02"), ("EC:secp521r1", "03")):
        _run(
            *("pkcs11-tool", "--module", MODULE, "--token-label", LABEL, "--login", "--pin", pin),
            *("--keypairgen", "--key-type", kind, "--id", number, "--label", kind),
        )
    pin_file = folder / "pin"
    pin_file.touch(mode=0o600)
    pin_file.write_text(pin + "\n")
    return SoftToken(folder, pin_file, config)


def _run(*argv: str | Path) -> None:
    process.run(argv, reason="prepare a token", timeout_s=60)
