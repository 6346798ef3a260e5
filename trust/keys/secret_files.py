# SPDX-License-Identifier: BSD-3-Clause
"""Passphrases and PINs, from files that nobody else can read; never an argument, never logged."""

from __future__ import annotations

from pathlib import Path

from core.errors import UserError


def read_passphrase(file: Path) -> str:
    """Return the passphrase in a file; see `read_secret`."""
    return read_secret(file, what="passphrase file")


def read_secret(file: Path, *, what: str) -> str:
    """Return the first line of a file that holds a secret.

    Args:
        file: the file; a variable of type "file" of a CI job is one.
        what: names it in messages: "PIN file".

    Raises:
        UserError: it cannot be read, others can read it, or the line is empty.
    """
    check_private(file, what=what)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        # without the cause: a UnicodeDecodeError carries the bytes it stumbled over
        raise UserError(f"the {what} {file} cannot be read") from None
    if not lines or not lines[0]:
        raise UserError(f"the {what} {file} is empty")
    return lines[0]


def check_private(file: Path, *, what: str) -> None:
    """Refuse a file that others can read.

    Raises:
        UserError: it is not there, or its mode lets others read it.
    """
    try:
        mode = file.stat().st_mode
    except OSError as err:
        raise UserError(f"the {what} {file} cannot be read") from err
    if mode & 0o077:
        raise UserError(
            f"the {what} {file} can be read by others (mode {mode & 0o777:o})",
            hint=f"chmod go= '{file}'",
        )
