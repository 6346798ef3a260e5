# SPDX-License-Identifier: BSD-3-Clause
"""Compile the Python files of a folder whose byte code is missing or of another source.

By hash and unchecked (PEP 552): squashfs changes the times that Python would compare otherwise. What
a layer below has compiled is left alone, or each layer would carry the byte code of all below it.
Runs inside the root file system that is being built: compiled {FOLDER}.
"""

from __future__ import annotations

import importlib.util
import os
import py_compile
import sys
from pathlib import Path


def main(folder: Path) -> None:
    """Compile what is new; a file that is no Python of this version stays as it is."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(files):
            source = Path(parent) / name
            if name.endswith(".py") and source.is_file() and not _is_compiled(source):
                py_compile.compile(
                    str(source),
                    quiet=2,
                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
                )


def _is_compiled(source: Path) -> bool:
    try:
        with Path(importlib.util.cache_from_source(str(source))).open("rb") as stream:
            head = stream.read(16)
    except OSError:
        return False
    is_by_hash = head[:4] == importlib.util.MAGIC_NUMBER and head[4:8] == b"\x01\0\0\0"
    return is_by_hash and head[8:] == importlib.util.source_hash(source.read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
