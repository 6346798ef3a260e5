# SPDX-License-Identifier: BSD-3-Clause
"""The adapter of spython: the text of an Apptainer definition file, written and read back.

Four things of spython 0.3.14 are worked around: it knows no header but `Bootstrap: docker`, it drops
the empty lines of scripts, it takes a line that begins with USER for Docker's, and it reads `%test` as
commands of `%post`. What was written is read again, and compared, before anybody gets it.

The form of a definition file: https://apptainer.org/docs/user/main/definition_files.html.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spython.main.parse.parsers.singularity import SingularityParser
from spython.main.parse.recipe import Recipe as Sections
from spython.main.parse.writers.singularity import SingularityWriter

from core.errors import UserError

_STAGE = "image"
_AS_IT_IS = "#:pansoft:"  # before a line that spython would drop or change
_RUN = 'exec "$@"'


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition file. `arguments` are what `--build-arg` may set, with their defaults.

    `files` are pairs of a path beside the file and one in the image; `post` and `test` are lines of
    shell, `environment` values are literal.
    """

    header: tuple[tuple[str, str], ...]
    arguments: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    post: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    comment: tuple[str, ...] = ()


def definition_text(definition: Definition) -> str:
    """Return the text of a definition file.

    Raises:
        UserError: something in it has no form in a definition file.
    """
    written, meant = _written(definition), _meant(definition)
    try:
        read = parsed(written)
    except NotImplementedError:  # spython takes a line that says `bootstrap` for another image
        read = {}
    if wrong := [section for section, lines in meant.items() if read.get(section) != lines]:
        raise UserError(
            f"this cannot be said in a definition file; in question: {', '.join(wrong)}",
            hint="there, a line that begins with '%' begins a section, and one with 'bootstrap:' "
            "another image: write such a line of the script otherwise",
        )
    return written


def parsed(text: str) -> Mapping[str, tuple[str, ...]]:
    """Return what spython reads in a definition file: the lines of each section, without indentation."""
    headed, _, rest = text.partition("\n%")
    sections = [f"%{part}" for part in rest.split("\n%")] if rest else []
    tests = [part.replace("%test", "%post", 1) for part in sections if part.startswith("%test")]
    others = [part for part in sections if not part.startswith(("%test", "%arguments"))]
    arguments = [part for part in sections if part.startswith("%arguments")]
    found = _parse(others)
    return {
        "header": _lines(line for line in headed.splitlines() if not line.startswith("#")),
        "%arguments": _lines(line for part in arguments for line in part.splitlines()[1:]),
        "%files": tuple(found.files),
        "%labels": tuple(found.labels),
        "%environment": tuple(found.environ),
        "%post": tuple(found.install),
        "%runscript": (found.cmd,) if found.cmd else (),
        "%test": tuple(_parse(tests).install),
    }


def _parse(sections: Sequence[str]) -> Sections:
    """Return spython's reading of sections, below the one header that it knows."""
    with tempfile.TemporaryDirectory(prefix="pansoft-definition-") as folder:
        file = Path(folder) / "image.def"
        file.write_text("\n".join(["Bootstrap: docker", "From: any", *sections, ""]), "utf-8")
        [sections_of_file] = SingularityParser(str(file)).recipe.values()
    assert isinstance(sections_of_file, Sections)  # noqa: S101 - spython has no types
    return sections_of_file


def _written(definition: Definition) -> str:
    sections = Sections()
    sections.fromHeader = "any"
    sections.files = list(definition.files)
    sections.labels = list(definition.labels)
    sections.environ = list(_exports(definition))
    sections.install = [_kept(line) for line in definition.post]
    sections.entrypoint = _RUN
    sections.test = [_kept(line) for line in definition.test] or None
    text = SingularityWriter({_STAGE: sections}).convert()
    head = f"Bootstrap: docker\nFrom: any\nStage: {_STAGE}\n"
    body = text.removeprefix(head).replace(_AS_IT_IS, "").replace("\n%", "\n\n%")
    own = [f"# {line}".rstrip() for line in definition.comment]
    own += [f"{name}: {value}" for name, value in definition.header]
    if definition.arguments:
        own += ["", "%arguments", *(f"    {name}={value}" for name, value in definition.arguments)]
    return "\n".join([*own, "", body.strip(), ""])


def _kept(line: str) -> str:
    return line if line.strip() and not line.startswith("USER") else f"{_AS_IT_IS}{line}"


def _exports(definition: Definition) -> list[str]:
    return [f"{name}={value}" for name, value in definition.environment]


def _meant(definition: Definition) -> dict[str, tuple[str, ...]]:
    """Return what reading the text back must give."""
    arguments = [f"{name}={value}" for name, value in definition.arguments]
    return {
        "header": tuple(f"{name}: {value}" for name, value in definition.header),
        "%arguments": tuple(arguments),
        "%files": tuple(" ".join(pair) for pair in definition.files),
        "%labels": tuple(" ".join(pair) for pair in definition.labels),
        "%environment": tuple(_exports(definition)),
        "%post": _lines(definition.post),
        "%runscript": (_RUN,),
        "%test": _lines(definition.test),
    }


def _lines(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line.strip() for line in lines if line.strip())
