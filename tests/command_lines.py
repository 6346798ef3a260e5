# SPDX-License-Identifier: BSD-3-Clause
"""Command lines of `pansoft` as pages and pipelines write them, held against the program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click

from pansoft.cli import cli


def fault_of(line: str) -> Iterator[str]:
    """Give what is wrong with a command line, without its `pansoft`: verbs and options only.

    What a page leaves open (NAME, …, [--json], a|b) is no fault.
    """
    command: click.Command = cli
    waiting = 0  # values of the last option that are still to come
    for word in _words(line):
        if waiting:
            waiting -= 1
        elif word.startswith("--") or re.fullmatch("-[a-z]", word):
            option = _option(command, word.partition("=")[0])
            if option is None:
                yield f"'{command.name}' has no option {word}"
            elif "=" not in word and not option.is_flag and not option.count:
                waiting = option.nargs
        elif isinstance(command, click.Group) and re.fullmatch("[a-z|-]+", word):
            group = command
            for verb in word.split("|"):
                found = group.get_command(click.Context(group), verb)
                if found is None:
                    yield f"'{group.name}' has no verb {verb}"
                    return
                command = found


def _words(line: str) -> list[str]:
    """Return the words up to where the shell would go on with something else."""
    plain = re.sub(r"[\[\]]", " ", line)
    words = shlex.split(plain, comments=True)
    end = next((i for i, word in enumerate(words) if word in _ENDS), len(words))
    return words[:end]


_ENDS = {"|", "||", "&", "&&", ";", ">", ">>", "<"}


def _option(command: click.Command, name: str) -> click.Option | None:
    if name in ("-h", "--help"):
        return click.Option(["--help"], is_flag=True)
    known = [item for item in command.params if isinstance(item, click.Option)]
    return next((item for item in known if name in (*item.opts, *item.secondary_opts)), None)
