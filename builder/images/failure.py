# SPDX-License-Identifier: BSD-3-Clause
"""Why a build failed: which command of which line, what it said last, and what mends it.

The recipe's script is traced by the shell (`traced`), so the log holds every command before what
the command printed.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from builder.images import faults
from builder.images.faults import TRACE
from builder.recipes.recipe import Limits
from core import strict_yaml
from core.errors import InvalidInput, UserError
from core.files import free_space, full_disk

SCRIPT_FAILED = 64
OUT_OF_TIME, OUT_OF_MEMORY, OUT_OF_DISK, TOO_MANY_PROCESSES = 70, 71, 72, 73  # of watch.py
PROCESSES = 4096
"""How many processes and threads one build may have at once."""

_LOG_LINES = 25
_ALIKE = 0.6  # of a line and a command, from 0 to 1
SOURCES = "/run/pansoft/stage/sources"
_FULL = 16 << 20  # bytes: with less than this left, the disk is why a build failed
_UNTRACED = re.compile(
    r"([)}]|\b(done|fi|esac)\b).*2>"  # several commands, whose errors go elsewhere
    r"|\bexec\b.*2>|\beval\b|(^|[;&|])\s*\.\s|\bset\b.*[+-]\w*x"  # or what cannot be seen from here
)
_SAYS_LINE = re.compile(r"script\.sh: (\d+): ")


class BuildFailed(UserError):
    """A build that ended without an image; `fault` is the id of a common fault, if it is one."""

    def __init__(self, message: str, *, hint: str, fault: str | None) -> None:
        super().__init__(message, hint=hint)
        self.fault = fault

    @property
    def rule(self) -> str | None:
        """Return the common fault."""
        return self.fault


@dataclass(frozen=True, slots=True)
class Subject:
    """What was built: its name, what it might take, its script and where that is written.

    `allowed` is what the recipe asks for, `limits` what it got.
    """

    name: str
    limits: Limits
    allowed: Limits
    script: str | None = None
    recipe: Path | None = None


def traced(script: str) -> str:
    """Return a script that prints each command, with all lines where they were.

    A trace goes to the standard error of the moment. A script that sends that of several commands
    at once elsewhere, perhaps into a file of the image, is not traced: the bytes come first.
    """
    if any(_UNTRACED.search(line) for line in script.replace("\\\n", " ").splitlines()):
        return script
    return f"PS4='{TRACE}'; set -x; {script}"


def explain(status: int, log: str, subject: Subject, *, scratch: Path) -> UserError:
    """Return the error of a build that ended with this status and said this in its log."""
    if free_space(scratch) < _FULL:
        return full_disk(scratch)
    tail = "".join(f"\n    {line}" for line in log.strip().splitlines()[-_LOG_LINES:])
    name = subject.name
    whole = f"the whole log: pansoft log {name}; look inside: pansoft shell {name} --at-failure"
    if status in (OUT_OF_TIME, OUT_OF_MEMORY, OUT_OF_DISK, TOO_MANY_PROCESSES):
        says, hint = _over(status, subject)
        return BuildFailed(
            f"{says}{_at(log, subject)}{tail}", hint=f"{hint}; {whole}", fault="limit"
        )
    found = faults.diagnose(log)
    hint = f"{found.hint}; {whole}" if found else whole
    fault = found.name if found else None
    if status != SCRIPT_FAILED:
        step = _last(log, "==> ") or "beginning"
        says = f": {found.says}" if found else ""
        return BuildFailed(
            f"the build failed with status {status} at '{step}'{says}{tail}", hint=hint, fault=fault
        )
    if found and found.name == "network":
        says = "the recipe's script wants the network, and builds have none"
    else:
        says = "the recipe's script failed" + (f": {found.says}" if found else "")
    return BuildFailed(f"{says}{_at(log, subject)}{tail}", hint=hint, fault=fault)


def _over(status: int, subject: Subject) -> tuple[str, str]:
    """Return what a build took too much of, and how it gets more."""
    limits, asked = subject.limits, subject.allowed
    says, field, now, wanted = {
        OUT_OF_TIME: (f"took longer than {limits.time} minutes", "time", limits.time, asked.time),
        OUT_OF_MEMORY: (
            f"used more than {limits.memory} MiB of memory", "memory", limits.memory, asked.memory,
        ),
        OUT_OF_DISK: (f"wrote more than {limits.disk} MiB", "disk", limits.disk, asked.disk),
        TOO_MANY_PROCESSES: (f"had more than {PROCESSES} processes and threads", "", 0, 0),
    }[status]  # fmt: skip
    says = f"the build {says} and was stopped"
    if not field:
        return says, "run fewer jobs at once: make -j2; this limit is the same for all builds"
    if now < wanted:
        return says, (
            f"the recipe asks for {wanted}; {now} are allowed here, by --max-{field} or by `limits` "
            "in site.yaml"
        )
    unit = "minutes" if field == "time" else "MiB"
    return says, f"raise build.limits.{field} of the recipe, in {unit}: it is {now} now"


def _at(log: str, subject: Subject) -> str:
    """Return the command that failed and its place, as far as they are known."""
    command = _last(log, TRACE)
    line = _line_of(log, command, subject.script or "", name=subject.name)
    if line is None and command is None:
        return ""
    place = ""
    if line is not None:
        written = _line_in_recipe(subject, line)
        place = f"line {line} of the script" if written is None else f"{subject.recipe}:{written}"
    shown = f": {command}" if command else ""
    return f"\n  at {place or 'the command'}{shown}"


def _line_of(log: str, command: str | None, script: str, *, name: str) -> int | None:
    """Return the line of the script that a command stands in; None where that is not certain."""
    after = log.rpartition(f"\n{TRACE}")[2]
    if said := _SAYS_LINE.findall(after):
        return int(said[-1])
    if not command:
        return None
    word = command.split()[0]
    lines = [
        (number, text)
        for number, text in enumerate(_as_traced(script, name).splitlines(), start=1)
        if word in text.split()
    ]
    if len(lines) == 1:
        return lines[0][0]
    rated = sorted(
        ((difflib.SequenceMatcher(None, text.strip(), command).ratio(), n) for n, text in lines),
        reverse=True,
    )
    if len(rated) > 1 and rated[0][0] > max(_ALIKE, rated[1][0]):
        return rated[0][1]
    return None


def _as_traced(script: str, name: str) -> str:
    """Return a script with what the shell will have put in for the variables of every build."""
    for variable, value in (("PREFIX", f"/opt/{name}"), ("PANSOFT_SOURCES", SOURCES)):
        script = script.replace(f"${{{variable}}}", value).replace(f"${variable}", value)
    return script.replace('"', "").replace("'", "")


def _line_in_recipe(subject: Subject, line: int) -> int | None:
    """Return the line of `recipe.yaml` that a line of the script is; None where it is not the same."""
    if subject.recipe is None or subject.script is None:
        return None
    try:
        document = strict_yaml.load(subject.recipe)
        written = subject.recipe.read_text(encoding="utf-8").splitlines()
    except (InvalidInput, OSError):
        return None
    wanted = subject.script.splitlines()[line - 1 : line]
    start = document.where(("build", "script")).line or 0
    first = subject.script.splitlines()[0].strip()
    # A block begins on the line after its mark, perhaps after empty lines.
    for number in range(start, len(written) + 1):
        if written[number - 1].strip() == first:
            place = number + line - 1
            same = wanted and [text.strip() for text in written[place - 1 : place]] == [
                wanted[0].strip()
            ]
            return place if same else None
    return None


def _last(log: str, mark: str) -> str | None:
    """Return the rest of the last line that begins with a mark."""
    for line in reversed(log.splitlines()):
        if line.startswith(mark):
            return line.removeprefix(mark)
    return None
