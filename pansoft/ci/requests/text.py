# SPDX-License-Identifier: BSD-3-Clause
"""What the merge request of a request says, and its commit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pansoft.ci.gitlab import Issue, Text
from pansoft.ci.markdown import block, code, link
from pansoft.ci.requests.credit import co_author, mention
from pansoft.ci.requests.form import Origin
from pansoft.ci.requests.making import NO_HOMEPAGE, Made

BRANCHES = "request/"
MARKER = "<!-- pansoft:request "
"""How the first line of each begins."""
LABEL = "package-request"
_FORM = re.compile(r"<!-- pansoft:form ([0-9a-f]{64}) (\S+) -->")
_LINES = 60


def branch_of(issue: int) -> str:
    """Return the branch of what an issue asks for."""
    return f"{BRANCHES}{issue}"


def marker_of(issue: int) -> str:
    """Return the line by which the merge request of an issue is found again."""
    return f"{MARKER}{issue} -->"


def form_line(digest: str, name: str) -> str:
    """Return the line that says which form a text is about, and which package."""
    return f"<!-- pansoft:form {digest} {name} -->"


def form_in(text: str) -> tuple[str, str] | None:
    """Return the digest of the form and the name of the package that a text of ours is about."""
    lines = text.replace("\r\n", "\n").split("\n")
    found = _FORM.fullmatch(lines[1]) if len(lines) > 1 else None
    return (found[1], found[2]) if found else None


def text_of(issue: Issue, made: Made) -> Text:
    """Return title and description of the merge request of an issue."""
    name, version = made.recipe.name, made.recipe.version
    lines = [marker_of(issue.number), form_line(made.form.digest, name), ""]
    lines += [*_opening(issue, made), ""]
    lines += ["### What shows that it works", "", block(made.form.test, lines=_LINES), ""]
    lines += ["### What is left to do", ""]
    lines += [f"- [ ] {code(each, most=300)}" for each in made.left]
    if made.problems:
        lines += ["", f"{code(f'pansoft check {name}')} warns of:", ""]
        lines += [f"- {code(each, most=300)}" for each in made.problems]
    lines += ["", *_closing(issue)]
    return Text(f"recipes: add {name} {version}", "\n".join(lines) + "\n", (LABEL,))


def _opening(issue: Issue, made: Made) -> Iterator[str]:
    recipe = made.recipe
    who = mention(issue.author) or "Somebody"
    homepage = recipe.homepage if recipe.homepage != NO_HOMEPAGE else None
    where = "the Python index" if made.form.origin is Origin.PYPI else "Debian"
    yield (
        f"{who} asks for {link(recipe.title, homepage)} {code(recipe.version)} in #{issue.number}: "
        "thank you. "
        f"The recipe is made of what the package says of itself in {where}, and of the words of the form. "
        "Nothing of it was run yet: the pipeline of this merge request builds and tests it."
    )
    yield ""
    yield f"Closes #{issue.number}"


def _closing(issue: Issue) -> Iterator[str]:
    yield "---"
    yield ""
    yield (
        f"While nobody else commits to its branch, this follows the form in #{issue.number} when that is "
        "edited. Close it, and it is not opened again."
    )


def message_of(issue: Issue, made: Made, server: str) -> str:
    """Return the message of the commit, with the credit of who asked."""
    lines = [
        f"recipes: add {made.recipe.name} {made.recipe.version}",
        "",
        f"Asked for in #{issue.number}.",
    ]
    credit = co_author(issue.author, server)
    return "\n".join((*lines, *(("", credit) if credit else ()))) + "\n"
