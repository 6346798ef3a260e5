# SPDX-License-Identifier: BSD-3-Clause
"""Stand-ins for outside programs: real executables in a folder that PATH names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FakeProgram:
    """A program that prints what it is told to, ends as it is told to, and records its arguments."""

    file: Path

    @classmethod
    def put(cls, folder: Path, name: str, *, prints: str = "", status: int = 0) -> FakeProgram:
        """Write the program into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / name
        (folder / f"{name}.prints").write_text(prints)
        file.write_text(
            f'#!/bin/sh\necho "$*" >> "$0.calls"\nwhile IFS= read -r line; do echo "$line"; done'
            f' < "$0.prints"\nexit {status}\n'
        )
        file.chmod(0o755)
        return cls(file)

    @property
    def calls(self) -> list[str]:
        """Return the arguments of every call, one line each."""
        record = self.file.with_name(f"{self.file.name}.calls")
        return record.read_text().splitlines() if record.exists() else []
