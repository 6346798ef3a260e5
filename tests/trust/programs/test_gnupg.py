# SPDX-License-Identifier: BSD-3-Clause
"""About trust.programs.gnupg: a signature that does not fit never leaves it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import UserError
from trust.keys import FolderKey, local_key
from trust.programs import gnupg

# Does what gpg does, but signs another file in its place until `faults` is used up.
FAULTY = """#!/bin/sh
count=$(cat "$0.faults")
case " $* " in
*" --detach-sign "*)
    if [ "$count" -gt 0 ]; then
        echo $((count - 1)) > "$0.faults"
        for last in "$@"; do :; done
        cp "$last" "$0.other" && echo other >> "$0.other"
        exec /usr/bin/gpg "$1" "$2" --batch --no-tty --no-options \\
            --pinentry-mode loopback --passphrase-fd 0 --armor \\
            --output "$2/signature.asc" --detach-sign "$0.other"
    fi ;;
esac
exec /usr/bin/gpg "$@"
"""


@pytest.fixture
def key(tmp_path: Path) -> FolderKey:
    return local_key(tmp_path / "state")


def faulty_gpg(folder: Path, faults: int, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    program = folder / "gpg"
    program.write_text(FAULTY, encoding="utf-8")
    program.chmod(0o755)
    (folder / "gpg.faults").write_text(str(faults), encoding="utf-8")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def sign(file: Path, key: FolderKey) -> bytes:
    return gnupg.sign_detached(
        file,
        secret_keyring=key.folder / "pgp-secret",
        fingerprint=key.fingerprint,
        passphrase=None,
    )


@pytest.mark.needs("gpg", "apptainer")
def test_a_signature_that_does_not_fit_is_made_again(
    tmp_path: Path, key: FolderKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gpg was once seen to end well with a signature of other bytes."""
    file = tmp_path / "statement.json"
    file.write_text("{}", encoding="utf-8")
    faulty_gpg(tmp_path / "bin", 1, monkeypatch)

    signature = sign(file, key)

    public = tmp_path / "state" / "trust-policy" / "keys" / "local.asc"
    good = gnupg.verify_detached(b"{}", signature, public_keys=[public], what="statement.json")
    assert good.fingerprint == key.fingerprint
    assert (tmp_path / "bin" / "gpg.faults").read_text(encoding="utf-8").strip() == "0"


@pytest.mark.needs("gpg", "apptainer")
def test_a_gpg_that_never_signs_right_is_refused(
    tmp_path: Path, key: FolderKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "statement.json"
    file.write_text("{}", encoding="utf-8")
    faulty_gpg(tmp_path / "bin", 99, monkeypatch)

    with pytest.raises(UserError, match="no signature fits"):
        sign(file, key)
