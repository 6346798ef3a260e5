# SPDX-License-Identifier: BSD-3-Clause
"""About trust.programs.key_ring: rings as gpg writes them, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import process
from core.errors import UserError
from trust.programs import key_ring


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return three public keys of gpg, by their fingerprints."""
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)

    def gpg(*argv: str | Path) -> str:
        common: list[str | Path] = [
            "gpg",
            "--homedir",
            home,
            "--batch",
            "--quiet",
            "--passphrase",
            "",
        ]
        return process.run([*common, *argv], reason="prepare a key").stdout

    for kind in ("ed25519", "rsa2048", "ed25519"):
        gpg("--quick-generate-key", f"{kind}-{len(list(home.iterdir()))}", kind, "sign")
    rows = [row.split(":") for row in gpg("--with-colons", "--list-keys").splitlines()]
    found = {}
    for fingerprint in sorted(row[9] for row in rows if row[0] == "fpr"):
        file = home / fingerprint
        gpg("--output", file, "--export", fingerprint)
        found[fingerprint] = file.read_bytes()
    process.run(["gpgconf", "--homedir", home, "--kill", "all"], reason="end the agent")
    return found


@pytest.mark.needs("gpg")
def test_a_ring_is_taken_apart_into_its_keys(keys: dict[str, bytes]) -> None:
    ring = b"".join(keys.values())

    assert {each.fingerprint: each.content for each in key_ring.certificates(ring)} == keys


@pytest.mark.needs("gpg")
def test_keys_of_others_stay_and_ours_come_and_go(keys: dict[str, bytes]) -> None:
    others, first, second = keys.values()
    gone = [list(keys)[1]]

    begun = key_ring.merged(others, ours=[first])
    again = key_ring.merged(begun, ours=[first])
    rotated = key_ring.merged(begun, ours=[second], gone=gone)

    assert begun == again == others + first
    assert rotated == others + second


@pytest.mark.needs("gpg")
@pytest.mark.parametrize("size", [1, 2, 3, 40, -1, -70])
def test_a_ring_that_is_cut_short_is_refused(keys: dict[str, bytes], size: int) -> None:
    (key, *_) = keys.values()

    with pytest.raises(UserError):
        key_ring.certificates(key[:size] if size > 0 else key + key[:size])


@pytest.mark.parametrize(
    "content",
    [
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
        b"\x00",
        b"\xc6\xff\x00\x00\x00\x01\x04",
        b"\x9b\x04",
        b"\x98\x01\x03",
        b"\xb4\x01a",
        b"\xc6\xe0\x04",
    ],
    ids=["armored", "zero", "cut-key", "no-length", "version-3", "no-key-first", "parts"],
)
def test_what_is_no_ring_is_refused(content: bytes) -> None:
    with pytest.raises(UserError):
        key_ring.certificates(content)


def test_an_empty_ring_holds_nothing() -> None:
    assert key_ring.certificates(b"") == ()
    assert key_ring.merged(b"", ours=[]) == b""
