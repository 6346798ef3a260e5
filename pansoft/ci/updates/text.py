# SPDX-License-Identifier: BSD-3-Clause
"""What the merge request of an update says. Names and versions come from strangers and stay text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pansoft.ci.gitlab import Text
from pansoft.ci.markdown import block, code, link
from pansoft.ci.updates.bundles import Bundle
from pansoft.ci.updates.making import Made
from pansoft.ci.updates.settings import FILE

MARKER = "<!-- pansoft:update "
"""How the first line of each begins."""
LABEL = "update"
_VERSIONS = "<!-- pansoft:versions "
_PART = re.compile(r"([a-z0-9-]+)=([0-9A-Za-z][0-9A-Za-z.+:~_]*(?:-[0-9A-Za-z.+:~_]+)*)")
_ROWS = 40
_LOG_LINES = 30


def marker_of(bundle: Bundle) -> str:
    """Return the line by which the merge request of a bundle is found again."""
    return f"{MARKER}{bundle.name} -->"


def versions_in(description: str) -> frozenset[tuple[str, str]]:
    """Return the packages and versions that a merge request of ours proposes."""
    lines = description.replace("\r\n", "\n").split("\n")
    if len(lines) < 2 or not lines[1].startswith(_VERSIONS):
        return frozenset()
    return frozenset((name, version) for name, version in _PART.findall(lines[1]))


def text_of(bundle: Bundle, made: Sequence[Made]) -> Text:
    """Return title and description of the merge request of a bundle; a draft where tests failed."""
    steps = ", ".join(
        f"{each.wanted.name} {each.wanted.step.old} → {each.wanted.step.new}" for each in made
    )
    title = steps if len(made) == 1 else f"{bundle.name}: {steps}"
    if any(each.trial is not None and not each.trial.passed for each in made):
        title = f"Draft: {title}"
    versions = " ".join("=".join(each.wanted.version) for each in made)
    lines = [marker_of(bundle), f"{_VERSIONS}{versions} -->", ""]
    for each in made:
        lines += _section(each)
    lines += [
        "---",
        "",
        "Close it and these versions are not proposed again. Commit to its branch and nobody else writes to "
        f"it. What is not to be proposed at all stands in {code(FILE.as_posix())}.",
    ]
    return Text(title, "\n".join(lines) + "\n", (LABEL,))


def _section(made: Made) -> Iterator[str]:
    recipe, step = made.wanted.look.recipe, made.wanted.step
    yield f"### {code(recipe.name)} {code(step.old)} → {code(step.new)}"
    yield ""
    places = {"source": recipe.source, "home page": recipe.homepage}
    links = [link(word, address) for word, address in places.items() if address]
    yield f"{code(recipe.title)}: {', '.join(links)}. What changes in the image:"
    yield ""
    yield from _table(made)
    yield ""
    if made.left:
        numbers = ", ".join(str(number) for number in made.left)
        yield (
            f"The old version still stands in {'lines' if len(made.left) > 1 else 'line'} {numbers} "
            "of the recipe: look whether it should."
        )
        yield ""
    yield from _trial(made)
    yield ""


def _table(made: Made) -> Iterator[str]:
    yield "| part | name | was | is |"
    yield "|---|---|---|---|"
    for change in made.changes[:_ROWS]:
        cells = (change.part, change.name, change.old or "", change.new or "")
        yield f"| {' | '.join(code(cell) for cell in cells)} |"
    if len(made.changes) > _ROWS:
        yield f"| and {len(made.changes) - _ROWS} more | | | |"


def _trial(made: Made) -> Iterator[str]:
    if made.trial is None:
        yield "It was not built yet: the pipeline of this merge request builds and tests it."
    elif made.trial.passed:
        yield "It was built, and its tests passed."
    else:
        yield "It was built or tested **without success**:"
        yield ""
        yield block(made.trial.said, lines=_LOG_LINES)
