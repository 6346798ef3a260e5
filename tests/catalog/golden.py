# SPDX-License-Identifier: BSD-3-Clause
"""Whole files compared with those in `golden/`; run with UPDATE_GOLDEN=1 to write them, then review."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).with_name("golden")


def same_as_golden(name: str, content: bytes) -> bool:
    """Return whether `content` is the golden file's; the file is written first when asked for."""
    golden = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(content)
    return golden.read_bytes() == content
