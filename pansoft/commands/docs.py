# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft docs`: the manuals that are made from the code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from builder.inputs import site
from builder.recipes import manual as recipe_manual
from core.errors import EXIT_USER
from core.files import write_atomic
from pansoft.context import Context
from pansoft.site import acceptance
from trust import manual as policy_manual


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; say which pages are stale (exit 2).")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of the pages; by default docs/ of the project.",
)
@click.pass_obj
def docs(context: Context, *, check: bool, output: Path | None) -> int:
    """Write the generated manuals again: recipes, bases, sites, the policy.

    Example: pansoft docs --check
    """
    folder = output or context.project / "docs"
    fresh = pages(context.project)
    stale = [name for name, text in fresh.items() if _text_of(folder / name) != text]
    for name in stale:
        if not check:
            write_atomic(folder / name, fresh[name])
        click.echo(f"{'stale' if check else 'wrote'} {folder / name}")
    if not stale:
        context.console.say(f"all {len(fresh)} generated pages are fresh")
    elif check:
        context.console.say("write them again with: pansoft docs")
    return EXIT_USER if check and stale else 0


def pages(project: Path) -> Mapping[str, str]:
    """Return every generated page of `docs/`, by name."""
    return {
        **recipe_manual.pages(project),
        "site.md": site.manual(),
        "site-policy.md": acceptance.manual(),
        "trust-policy.md": policy_manual.manual(),
    }


def _text_of(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
