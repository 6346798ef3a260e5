# SPDX-License-Identifier: BSD-3-Clause
"""The local key of a state folder: for the demo and CI jobs, trusted by nobody but that folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.files import copy_atomic, write_atomic
from trust.keys.folder import FolderKey, export_public, keygen, open_key, private_folder
from trust.keys.proposal import signer_entry
from trust.policy import LOCAL_FILE
from trust.programs import gnupg

LOCAL_NAME = "local"
LOCAL_COMMENT = "local key, this state folder only"
LOCAL_BITS = 3072


def local_policy(state: Path) -> Path:
    """Return where a state lists the signers of its own: the `local` of `load_policy`."""
    return state / "trust-policy"


def local_key(state: Path) -> FolderKey:
    """Return the local key of a state, made and listed the first time.

    Doing it twice gives the same key. A crash between the two steps is mended the next time.
    """
    folder, policy = private_folder(state, LOCAL_NAME), local_policy(state)
    public = policy / "keys" / f"{LOCAL_NAME}.asc"
    if not folder.exists():
        keygen(
            folder,
            name="pansoft local key",
            email="pansoft@localhost",
            public=public,
            bits=LOCAL_BITS,
            comment=LOCAL_COMMENT,
        )
    key = open_key(folder)
    export_public(folder, public)
    _list_local(policy, key.fingerprint)
    return key


def list_published(policy: Path, public: Path) -> Path:
    """List the local key of another state, of which this is the published half, and return the folder.

    It is the `local` of `load_policy`: what that key signed counts for local repositories and no others.
    """
    copy_atomic(public, policy / "keys" / f"{LOCAL_NAME}.asc")
    _list_local(policy, gnupg.read_key(public).fingerprint)
    return policy


def _list_local(policy: Path, fingerprint: str) -> None:
    text = "\n".join(_local_lines(fingerprint)) + "\n"
    file = policy / LOCAL_FILE
    if not file.is_file() or file.read_bytes() != text.encode():
        write_atomic(file, text)


def _local_lines(fingerprint: str) -> Iterator[str]:
    yield "# Made by pansoft. This key counts in this state folder only, and only for repositories"
    yield "# that the project's policy calls local. It proves nothing to anybody else."
    yield "schema: 1"
    yield "signers:"
    yield signer_entry("local demo key", fingerprint, f"{LOCAL_NAME}.asc")
