# SPDX-License-Identifier: BSD-3-Clause
"""What is tested of every package without being written: its commands start, its modules load.

A command is there, executable, for this kind of machine, its interpreter and libraries are there,
and it starts: with `--version`, `--help` or nothing it ends without the loader's complaint, or goes
on running. Of the Python modules written in another language every library is there.

One container does it all, a few commands at a time, under a virtual screen where the image has one.
A library of the GPU's driver comes from the machine: without it a command was not run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from builder.images.plan import ARCHITECTURE
from builder.recipes.recipe import Recipe, TestKind
from builder.stages import TestOutcome, TestResult
from builder.testing.trial import HARNESS, Ended, Trial, left, script

_MACHINES = {"amd64": "02013e00", "arm64": "0201b700"}
"""64 bits, little-endian, and the machine: bytes 5, 6, 19 and 20 of an ELF header."""

_DRIVER = re.compile(r"lib(cuda|nvcuvid|nvidia-[a-z0-9-]+)\.so[.0-9]*")
_SCRIPTS = ("smoke.sh", "smoke-command.sh", "display.sh")
_TIMEOUT_S = 1800.0


def trial(recipe: Recipe) -> Trial | None:
    """Return what looks at all commands and modules of a package; None if it has neither."""
    if not recipe.commands and not recipe.build.pip:
        return None
    commands = {
        f"commands/{number:03}/argv": shlex.join(command.run)
        for number, command in enumerate(recipe.commands)
    }
    folders = ("/opt/venv", f"/opt/{recipe.name}")
    return Trial(
        argv=("sh", f"{HARNESS}/smoke.sh", _MACHINES[ARCHITECTURE], *folders),
        files=commands | {name: script(name) for name in _SCRIPTS},
        timeout_s=_TIMEOUT_S,
    )


def results(recipe: Recipe, ended: Ended, *, seconds: float) -> Iterator[TestResult]:
    """Yield how each command went, and the modules if there are any.

    Args:
        recipe: whose commands they are.
        ended: what the run left.
        seconds: what it took; the modules are told with what the commands did not take.
    """
    spent = 0.0
    for number, command in enumerate(recipe.commands):
        result = _command(command.name, f"commands/{number:03}", ended)
        spent = max(spent, result.seconds)
        yield result
    found = _text(ended, "modules")
    if found:
        yield _modules(found, seconds=round(max(seconds - spent, 0.0), 3))


def failed(recipe: Recipe, reason: str, *, seconds: float, output: str) -> Iterator[TestResult]:
    """Yield the result of a run that did not come to its end: nothing was seen to start."""
    for command in recipe.commands:
        yield _result(_name(command.name), TestOutcome.FAILED, seconds, output, reason)
    if not recipe.commands:
        yield _result(_MODULES, TestOutcome.FAILED, seconds, output, reason)


_MODULES = "Python modules: their libraries are there"


def _name(command: str) -> str:
    return f"command {command}: starts"


def _command(name: str, folder: str, ended: Ended) -> TestResult:
    how, output = _text(ended, f"{folder}/how"), _text(ended, f"{folder}/output")
    seconds = _seconds(_text(ended, f"{folder}/seconds"))
    if how:
        return _result(_name(name), TestOutcome.PASSED, seconds, how + "\n", None)
    reason = _text(ended, f"{folder}/fault") or "nothing is known of it"
    missing = _text(ended, f"{folder}/missing").split()
    only_driver = bool(missing) and all(_DRIVER.fullmatch(library) for library in missing)
    outcome = TestOutcome.NOT_RUN if only_driver else TestOutcome.FAILED
    return _result(_name(name), outcome, seconds, output[-4000:], reason)


def _seconds(text: str) -> float:
    """Return whole seconds; a program that is looked at can write another text in their place."""
    return float(text) if text.isdecimal() and len(text) < 6 else 0.0


def _modules(found: str, *, seconds: float) -> TestResult:
    """Return how the modules went: `found` has a line for each, the libraries it lacks below it."""
    lacking: dict[str, list[str]] = {}
    modules = set()
    module = ""
    for line in found.splitlines():
        if not line.startswith((" ", "\t")) and line.endswith(":"):
            module = line[:-1]
            modules.add(module)
            continue
        library = line.strip().removesuffix(" => not found")
        if not _DRIVER.fullmatch(library):
            lacking.setdefault(library, []).append(module)
    output = "".join(
        f"{library}: wanted by {', '.join(sorted(set(users))[:3])}\n"
        for library, users in sorted(lacking.items())
    )
    if not lacking:
        count = f"{len(modules)} modules\n"
        return _result(_MODULES, TestOutcome.PASSED, seconds, count, None)
    reason = f"not there: {', '.join(sorted(lacking))}"
    return _result(_MODULES, TestOutcome.FAILED, seconds, output, reason)


def _text(ended: Ended, path: str) -> str:
    """Return what stands in a file of the harness; nothing if there is none."""
    return (left(ended.harness, path) or b"").decode("utf-8", "replace").strip()


def _result(
    name: str, outcome: TestOutcome, seconds: float, output: str, reason: str | None
) -> TestResult:
    return TestResult(
        name=name,
        kind=TestKind.SMOKE,
        outcome=outcome,
        seconds=seconds,
        output=output,
        reason=reason,
    )
