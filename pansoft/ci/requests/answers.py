# SPDX-License-Identifier: BSD-3-Clause
"""What an issue is told of its request: one note, which is changed and not repeated.

What its author wrote is shown as code and does nothing: it mentions nobody, links to nothing, and is no quick
action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from builder.recipes.folders import RECIPES
from builder.recipes.recipe import Recipe
from pansoft.ci.gitlab import Issue
from pansoft.ci.markdown import Markdown, code, link
from pansoft.ci.requests.form import TEMPLATE, Fault, Form
from pansoft.ci.requests.text import form_line

MARKER = "<!-- pansoft:request-answer -->"
INCOMPLETE = "pansoft-request-incomplete"
"""The label of an issue whose form has to be mended."""
_QUOTED = 80
_TEMPLATE = TEMPLATE.rpartition("/")[2].removesuffix(".md")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an issue is told, and whether its author has something to mend."""

    body: str
    is_incomplete: bool = False


def wrong(faults: Sequence[Fault]) -> Answer:
    """Return what to mend in a form, line by line."""
    return Answer(_body("", *_faults(faults)), is_incomplete=True)


def not_there(form: Form, fault: Fault) -> Answer:
    """Return why a form that is in order leads to no package; it says of which form that was found."""
    lines = _faults([fault])
    return Answer(_body(form_line(form.digest, form.name), *lines), is_incomplete=True)


def is_known(recipe: Recipe, issue: Issue, branch: str) -> Answer:
    """Return where a package is that is there already."""
    said = f"{code(recipe.name)} is there already, in version {code(recipe.version)}."
    if recipe.retire is not None:
        said = f"{code(recipe.name)} was there, and is retired: {code(recipe.retire)}."
    place = _recipe_link(recipe, issue, branch)
    commands = ", ".join(code(each.name) for each in recipe.commands[:5])
    return Answer(
        _body(
            "",
            said,
            "",
            f"- its recipe, with what it has and who looks after it: {place}",
            *([f"- its commands: {commands}"] if commands else []),
            "- its page in the catalogue says how to start it",
            f"- in a checkout: {code(f'pansoft recipe show {recipe.key}')}",
            "",
            "A newer version is proposed by itself once upstream has it. If it lacks something, say in this "
            "issue what; otherwise it can be closed.",
        )
    )


def is_asked_for(name: str, number: int) -> Answer:
    """Return that the merge request of another issue is about the same package."""
    said = f"{code(name)} is asked for already: merge request !{number} is about it."
    return Answer(_body("", said, "", "Say there what else it should be able to do."))


def is_made(number: int, name: str) -> Answer:
    """Return that there is a merge request, and what happens to it."""
    return Answer(
        _body(
            "",
            f"Thank you. Merge request !{number} adds {code(name)}, with you as co-author: its pipeline "
            "builds and tests it, and people look at it. It says what is left to do; you can answer there. "
            "When it is merged, this issue is closed, and the package is published.",
            "",
            "If you edit the form above, the merge request follows, as long as nobody else works on it.",
        )
    )


def is_taken(form: Form, number: int | None) -> Answer:
    """Return that somebody works on what an edited form would change."""
    where = "its branch" if number is None else f"merge request !{number}"
    said = (
        f"Somebody works on {where} by now, so an edited form changes nothing there any more: say there what "
        "should be different."
    )
    return Answer(_body(form_line(form.digest, form.name), said))


def _body(about: str, *lines: str) -> str:
    return "\n".join((MARKER, about, "", *lines)) + "\n"


def _faults(faults: Sequence[Fault]) -> list[str]:
    lines = [
        "Thank you for asking. Before it can become a package, please edit the form above:",
        "",
    ]
    lines += [_line(fault) for fault in faults]
    lines += [
        "",
        "It is read again when you have edited it. The empty form is the template "
        f"{code(_TEMPLATE)} of a new issue.",
    ]
    return lines


def _line(fault: Fault) -> Markdown:
    where = f"**{fault.heading}**: " if fault.heading else ""
    quoted = f": {code(fault.quoted, most=_QUOTED)}" if fault.quoted else ""
    return Markdown(f"- {where}{code(fault.said, most=400)}{quoted}")


def _recipe_link(recipe: Recipe, issue: Issue, branch: str) -> Markdown:
    path = f"{RECIPES}/{recipe.name}"
    project, found, _ = (issue.link or "").partition("/-/issues/")
    return link(path, f"{project}/-/tree/{branch}/{path}" if found else None)
