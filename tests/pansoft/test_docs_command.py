# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft docs` writes the generated pages, and with --check says which are stale."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from core.console import Console
from core.errors import EXIT_USER
from pansoft.commands.docs import docs, pages
from pansoft.context import Context

ROOT = Path(__file__).parents[2]


def run(*argv: str, state: Path) -> tuple[int, str]:
    context = Context(project=ROOT, state=state, console=Console(quiet=True))
    result = CliRunner().invoke(docs, argv, obj=context, standalone_mode=False)
    return result.return_value, result.output


def test_the_pages_of_this_checkout_are_fresh(tmp_path: Path) -> None:
    assert run("--check", state=tmp_path) == (0, "")


def test_a_stale_page_is_named_and_left_alone(tmp_path: Path) -> None:
    run("--output", str(tmp_path), state=tmp_path)
    (tmp_path / "recipe.md").write_text("old", encoding="utf-8")

    status, output = run("--check", "--output", str(tmp_path), state=tmp_path)

    assert (status, output) == (EXIT_USER, f"stale {tmp_path / 'recipe.md'}\n")
    assert (tmp_path / "recipe.md").read_text(encoding="utf-8") == "old"


def test_pages_are_written_where_they_are_missing(tmp_path: Path) -> None:
    run("--output", str(tmp_path), state=tmp_path)

    written = {page.name: page.read_text(encoding="utf-8") for page in tmp_path.iterdir()}
    assert written == pages(ROOT)
