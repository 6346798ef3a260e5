# SPDX-License-Identifier: BSD-3-Clause
"""What a base must hold beyond its schema: on its own, and with the bases that it stands on.

The rules, each with its id:
- `base-begins`: a base has a `suite` or an `image`, or stands `on` another base: one of the three.
- `base-image`: its image is named by digest; an archive is a file of the base's folder.
- `base-on`: the base that it stands on exists, and none stands on itself in the end.
- `base-depth`: no more than four bases lie on one another.

A name, requirements, variables and repetitions are held to the rules of recipes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from builder.recipes.image_reference import ImageSource, parse_reference
from builder.recipes.looking import repeated, texts
from builder.recipes.rules import check_environment, check_name, check_requirements
from core import strict_yaml
from core.errors import InvalidInput, UserError
from core.problems import Problem
from core.strict_yaml import Document

MAX_DEPTH = 4  # each layer is one more mount at the start of every program: decision 0012


def base_problems(document: Document, folder: Path) -> Iterator[Problem]:
    """Yield what is wrong with a base beyond its schema."""
    yield from check_name(document, folder)
    yield from repeated(texts(document, "apt[]"))
    yield from check_requirements(document, "pip[]")
    yield from check_environment(document)
    yield from _check_beginning(document)
    yield from _check_image(document, folder)
    yield from _check_on(document, folder)


def _check_beginning(document: Document) -> Iterator[Problem]:
    given = [field for field in ("suite", "image", "on") if field in document.value]
    if len(given) != 1:
        yield Problem(
            document.where((given[-1],) if given else ()),
            "base-begins",
            "a base has either a 'suite', an 'image' or an 'on'",
            hint="'suite: bookworm' for a Debian of its own, 'on: debian-12' for a layer over it",
            field=given[-1] if given else "suite",
        )


def _check_image(document: Document, folder: Path) -> Iterator[Problem]:
    for image in texts(document, "image"):
        try:
            reference = parse_reference(image.text)
        except UserError as err:
            yield image.problem("base-image", err.message, hint=err.hint)
            continue
        is_archive = reference.source is ImageSource.ARCHIVE
        if is_archive and not (folder / reference.place).is_file():
            yield image.problem(
                "base-image",
                f"there is no file '{reference.place}' in the base's folder",
                hint="write it there with: docker save --output FILE.tar NAME",
            )


def _check_on(document: Document, folder: Path) -> Iterator[Problem]:
    for on in texts(document, "on"):
        below = [folder.name]
        name: str | None = on.text
        while name is not None:
            file = folder.parent / name / "base.yaml"
            if not file.is_file():
                known = sorted(item.parent.name for item in folder.parent.glob("*/base.yaml"))
                yield on.problem(
                    "base-on",
                    f"there is no base '{name}'",
                    hint=f"known are: {', '.join(known)}",
                )
                return
            if name in below:
                circle = " on ".join((*below, name))
                yield on.problem(
                    "base-on", f"{circle}: no base is the lowest", hint="begin one with a 'suite'"
                )
                return
            below.append(name)
            name = _stands_on(file)
        if len(below) > MAX_DEPTH:
            yield on.problem(
                "base-depth",
                f"{' on '.join(below)} are {len(below)} bases; {MAX_DEPTH} at most lie on one another",
                hint="let it stand on a lower one and list what it needs itself",
            )


def _stands_on(file: Path) -> str | None:
    """Return what the base of another file stands on; its own faults are reported with it."""
    try:
        value = strict_yaml.load(file).value
    except InvalidInput:
        return None
    on = value.get("on")
    return on if isinstance(on, str) else None
