# SPDX-License-Identifier: BSD-3-Clause
"""A key by its name, whatever its kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from core.errors import UserError
from trust.keys.description import DESCRIPTION, open_described
from trust.keys.folder import open_key, private_folder
from trust.keys.key import SigningKey

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def open_named(
    state: Path, name: str, *, at: datetime, secret_file: Path | None = None
) -> SigningKey:
    """Return the key of this name: a folder with the secret, or with a description of where it is.

    Args:
        state: the state folder.
        name: the name that the key was given.
        at: now.
        secret_file: holds its passphrase or PIN; it overrides what a description says.

    Raises:
        UserError: there is no such key, others can look into its folder, or it is not usable.
    """
    folder = named_folder(state, name)
    if (folder / DESCRIPTION).exists():
        return open_described(folder, at=at, secret_file=secret_file)
    if not folder.is_dir():
        known = ", ".join(names(state)) or "none"
        raise UserError(
            f"there is no private key named '{name}' in {state}",
            hint=f"the keys are: {known}; make one: pansoft trust keygen",
        )
    return open_key(folder, passphrase_file=secret_file)


def named_folder(state: Path, name: str) -> Path:
    """Return the private folder of a name that a person gave.

    Raises:
        UserError: it is no name.
    """
    if _NAME.fullmatch(name) is None:
        raise UserError(f"'{name}' is not the name of a key", hint="letters, digits and '-'")
    return private_folder(state, name)


def names(state: Path) -> Iterator[str]:
    """Yield the names of a state's keys."""
    for folder in sorted(private_folder(state, "any").parent.glob("*")):
        if folder.is_dir() and not folder.name.startswith("."):
            yield folder.name
