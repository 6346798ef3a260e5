# SPDX-License-Identifier: BSD-3-Clause
"""What every pipeline of GitLab has to be, ours and those that we make: valid, and of lines that exist."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core import process
from tests.command_lines import fault_of

ROOT = Path(__file__).parents[1]


def complaint_of_schema(file: Path) -> str | None:
    """Return what GitLab's own schema has against a pipeline; None where it accepts it."""
    done = process.run(
        [
            *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci"),
            *("--data-transform", "gitlab-ci"),
            # its pattern lets the address of an environment be a variable, which no URI begins as
            *("--disable-formats", "uri", file),
        ],
        reason="validate the pipeline",
        check=False,
    )
    return None if done.returncode == 0 else done.stdout + done.stderr


def lines_of(job: Mapping[str, Any]) -> Iterator[str]:
    """Return every line that a job runs."""
    for part in ("before_script", "script", "after_script"):
        yield from job.get(part, [])


def faults_of(line: str) -> Iterator[str]:
    """Return why a line is not one command that exists here."""
    command, _, _ = line.partition(" > ")
    words = shlex.split(command)
    if re.search(r"[;|&`\n]|\$\(", command):
        yield f"{line}: more than one command"
    elif words[0] == "make":
        if words[1] not in _targets():
            yield f"{line}: no such target"
    elif words[0] == ".venv/bin/pansoft":
        yield from (f"{line}: {fault}" for fault in fault_of(command.partition(" ")[2]))
    else:
        yield f"{line}: neither make nor pansoft"


def _targets() -> set[str]:
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", rules, re.MULTILINE))
