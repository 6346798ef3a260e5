# SPDX-License-Identifier: BSD-3-Clause
"""Where a token is read from: a variable of the environment, or a file that nobody else can read.

Never an argument: those stand in the list of processes, in shell histories and in logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from trust.identity.tokens import Token
from trust.keys import secret_files


def read_token(file: Path | None, *, variable: str, environment: Mapping[str, str]) -> Token | None:
    """Return the token of a file, where one is named, or else of a variable; None without both.

    Raises:
        UserError: the file cannot be read, is empty, or others can read it.
    """
    if file is not None:
        return Token(secret_files.read_secret(file, what="identity file"))
    text = environment.get(variable, "").strip()
    return Token(text) if text else None
