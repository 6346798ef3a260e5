# SPDX-License-Identifier: BSD-3-Clause
"""The project's policy with sections of a test's own, in a folder where it may be changed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
_SECTION = r"^{name}:.*(\n([ #-].*)?)*"


def policy_with(folder: Path, **sections: Any) -> Path:
    """Write a copy of `trust-policy/` whose sections are these; JSON is YAML.

    Args:
        folder: the folder to write; it may be there already.
        sections: each top-level section by its name; None takes it out.
    """
    shutil.copytree(PROJECT / "trust-policy", folder, dirs_exist_ok=True)
    (folder / "keys").mkdir(exist_ok=True)
    file = folder / "policy.yaml"
    text = file.read_text()
    for name, value in sections.items():
        text = re.sub(_SECTION.format(name=name), "", text, flags=re.MULTILINE)
        if value is not None:
            text = f"{text.rstrip()}\n{name}: {json.dumps(value)}\n"
    file.write_text(text)
    return folder
