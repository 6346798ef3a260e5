# SPDX-License-Identifier: BSD-3-Clause
"""The manual of recipes and the schemas for editors, made from the schema that checks recipes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from builder.recipes import base_rules, rules, schema
from core import schema as schemas
from core import strict_yaml
from core.canonical import readable_json

RECIPE_ID = "urn:pansoft:recipe:1"
BASE_ID = "urn:pansoft:base:1"

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
3. The local files are copied.
4. The script runs, as `sh -eu`, without network: archives are in `$PANSOFT_SOURCES`, what it installs
   goes to `$PREFIX`, which is `/opt/<name>`. `build.tools` are there for the script and gone after it.

## How a test is run

`sh -eu` runs it inside the image, in an empty folder that can be written to, as an ordinary user,
without network. It fails if its status is not 0, or if `expect` is given and its output, standard
output and error together, does not contain that text, character for character. `python` is the one
of /opt/venv if the recipe has Python requirements. Show that the program works: convert, compute,
plot or open something.

| Kind | What is different |
|---|---|
| `command` | nothing |
| `import` | nothing; the test is about a library |
| `gui` | `run` is a program that shows a window; see below |
| `notebook` | the recipe has `runtime.jupyter` |
| `gpu` | it is run only where there is a GPU; the recipe has `runtime.gpu` |
| `mpi` | the recipe has `runtime.mpi`; start processes with the image's own `mpirun -np 2` |

A graphical program is run on a virtual screen, which the base debian-12-desktop has. The test passes
when a window whose title matches `window` is there and the program goes on running; then it is ended.
Lines before the program may prepare files. A picture of the screen is kept beside the report. A
failure is tried once more, and both tries are reported.

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
        .replace("{fields}", schemas.manual(schema.RECIPE))
        .replace("{base}", schemas.manual(schema.BASE))
        .replace("{yaml}", _rules(strict_yaml))
        .replace("{schema}", _rules(schemas))
        .replace("{rules}", _rules(rules) + _rules(base_rules))
    )


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
    """Return the generated files of `docs/`, by name."""
    example = (project / "recipes" / "hdf5-tools" / "recipe.yaml").read_text(encoding="utf-8")
    return {
        "recipe.md": recipe_manual(example),
        "recipe.schema.json": readable_json(recipe_json_schema()),
        "base.schema.json": readable_json(base_json_schema()),
    }
