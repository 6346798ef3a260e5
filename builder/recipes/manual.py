# SPDX-License-Identifier: BSD-3-Clause
"""The manual of recipes and the schemas for editors, made from the schema that checks recipes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from builder.recipes import base_rules, rules, schema
from builder.recipes.recipe import TestKind
from builder.recipes.rules_of_tests import TEST_FIELDS
from core import schema as schemas
from core import strict_yaml
from core.canonical import readable_json
from core.errors import UserError

RECIPE_ID = "urn:pansoft:recipe:1"
BASE_ID = "urn:pansoft:base:1"
EXAMPLE = Path("recipes") / "hdf5-tools" / "recipe.yaml"
"""The recipe that the manual shows whole, in the project."""

_BEGINNING = """\
# The recipe

A package is a folder `recipes/<name>/` with a `recipe.yaml`. This page is made from the schema that
`pansoft check` uses, so it is never behind it; `pansoft docs`
writes it again.

An editor that knows YAML schemas completes and checks a recipe while you type. Put this on the first
line of the recipe:

```yaml
# yaml-language-server: $schema=../../docs/recipe.schema.json
```

The file is YAML without its surprises: a key stands once, there are no anchors, aliases or tags, and
only `true`, `false`, `null` and plain whole numbers are not text. `version: 1.10` is the text `1.10`;
where a text looks like a whole number, put it in quotes: `version: "113"`.

## A whole recipe

```yaml
{example}```

## How an image is made from it

1. The Debian packages of `build.apt` are unpacked over the base, without recommended ones.
2. The Python requirements go into a virtual environment at /opt/venv, whose `bin` is first in `PATH`.
   Of a project without a wheel for this Python the lock has the sdist, and the build makes the wheel;
   compilers are in `build.tools` then (`build-essential`, `python3-dev`).
3. The Node packages are unpacked below /opt/npm, whose `bin` has their commands; their scripts are not
   run. Node itself is `nodejs` in `build.apt`.
4. The local files are copied.
5. The script runs, as `sh -eu`, without network: archives are in `$PANSOFT_SOURCES`, what it installs
   goes to `$PREFIX`, which is `/opt/<name>`. `build.tools` are there for what is built, and gone after it.

## How a test is run

`run` is a script for `sh -eu`. It runs inside the image, in an empty folder that can be written to, as
an ordinary user, without network. It has to end with `status`; its output, standard output and error
together, has to contain every text of `expect`, character for character; `stdout` and `stderr` are
regular expressions of which a line has to match; every one of `files` has to be there afterwards. After
`timeout` seconds it is killed and has failed. `python` is the one of /opt/venv if the recipe has Python
requirements. Show that the program works: convert, compute, plot or open something.

| Kind | What is different | Fields beside `name`, `kind`, `timeout` |
|---|---|---|
{kinds}
[More on each kind](tests.md), with examples. Of every package it is tested as well, without being
written, that its commands start and that the libraries of its Python modules are there.

## Fields

{fields}
## Bases

A base is a folder `recipes/bases/<name>/` with a `base.yaml`: the root file system that the images of
many packages share. It begins with a minimal Debian, or is a layer over another base and holds only
what it adds to that.

{base}
## What is checked

How the file is written:

{yaml}
What its fields hold:

{schema}
What the fields mean together:

{rules}"""


def recipe_manual(example: str) -> str:
    """Return `docs/recipe.md`; `example` is the text of a whole recipe."""
    return (
        _BEGINNING.replace("{example}", example)
        .replace("{kinds}", _kinds())
        .replace("{fields}", schemas.manual(schema.RECIPE))
        .replace("{base}", schemas.manual(schema.BASE))
        .replace("{yaml}", _rules(strict_yaml))
        .replace("{schema}", _rules(schemas))
        .replace("{rules}", _rules(rules) + _rules(base_rules))
    )


_KINDS = {
    TestKind.COMMAND: "nothing",
    TestKind.IMPORT: "Python imports `modules` one by one; or `run` shows what a library does",
    TestKind.GUI: "`run` is a program that shows a window of the title `window` on a virtual screen",
    TestKind.NOTEBOOK: "the kernel of `runtime.jupyter` runs `cell`",
    TestKind.GPU: "it is run only where there is a GPU; the recipe has `runtime.gpu`",
    TestKind.MPI: "two processes of the image's `mpirun` run it; the recipe has `runtime.mpi`",
}


def _kinds() -> str:
    """Return the rows of the table of kinds; what a test must have is in bold type."""
    rows = []
    for kind, what in _KINDS.items():
        needed, allowed = TEST_FIELDS[kind]
        musts = [" or ".join(f"**`{field}`**" for field in sorted(choice)) for choice in needed]
        rest = sorted(allowed - {field for choice in needed for field in choice})
        fields = ", ".join([*musts, *(f"`{field}`" for field in rest)])
        rows.append(f"| `{kind}` | {what} | {fields} |\n")
    return "".join(rows)


def _rules(module: ModuleType) -> str:
    """Return the list of rules that stands at the head of the module that holds them."""
    documentation = module.__doc__ or ""
    listed = documentation[documentation.index("- `") :]
    return listed.partition("\n\n")[0].rstrip() + "\n"


def recipe_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a recipe."""
    return schemas.json_schema(schema.RECIPE, title="pansoft recipe", identifier=RECIPE_ID)


def base_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a base."""
    return schemas.json_schema(schema.BASE, title="pansoft base", identifier=BASE_ID)


def pages(project: Path) -> Mapping[str, str]:
    """Return the generated files of `docs/`, by name.

    Raises:
        UserError: the recipe that the manual shows is not in the project.
    """
    file = project / EXAMPLE
    if not file.is_file():
        raise UserError(
            f"{EXAMPLE} is not there: the manual shows it as its example",
            hint="write the manual in a checkout that has it; a project of other recipes needs none",
        )
    example = file.read_text(encoding="utf-8")
    return {
        "recipe.md": recipe_manual(example),
        "recipe.schema.json": readable_json(recipe_json_schema()),
        "base.schema.json": readable_json(base_json_schema()),
    }
