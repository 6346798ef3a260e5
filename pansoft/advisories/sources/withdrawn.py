# SPDX-License-Identifier: BSD-3-Clause
"""Releases that their makers have withdrawn from the Python index, with the reason that they give.

That is PEP 592 ("yanked"). It is no advisory, and who withdraws a release has a reason: often a
vulnerability, or results that are wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import requests

from builder.inputs import python_index
from core.versions import Scheme, compare
from pansoft.advisories.sources.answer import Answer, Asking, Match, in_parallel, python_releases
from trust.evidence import Component

NAME = "withdrawn"


def is_withdrawal(name: str) -> bool:
    """Return whether the name of a match is that of a withdrawn release."""
    return name.startswith(f"{NAME}/")


def ask(components: Sequence[Component], asking: Asking) -> Answer:
    """Return which releases among components were withdrawn."""
    releases = python_releases(components)
    projects = sorted({project for project, _ in releases})
    if not projects:
        return Answer(NAME, 0)

    def one(project: str) -> Mapping[str, str] | None:
        return python_index.withdrawn(
            project,
            indexes=asking.mirrors.indexes(),
            session=asking.mirrors.session("python"),
        )

    label = "ask the Python index for withdrawn releases"
    said = in_parallel(one, projects, label=label, console=asking.console)
    failed = [each for each in said if isinstance(each, requests.RequestException)]
    gone = {
        project: each
        for project, each in zip(projects, said, strict=True)
        if each is not None and not isinstance(each, requests.RequestException)
    }
    matches = [
        _match(component, reason)
        for (project, version), component in releases.items()
        for other, reason in gone.get(project, {}).items()
        if other == version or compare(other, version, Scheme.PYTHON) == 0
    ]
    asked = sum(project in gone for project, _ in releases)
    return Answer(
        NAME,
        asked,
        tuple(matches),
        _not_asked(len(releases), asked, failed),
        is_fault=bool(failed),
    )


def _not_asked(wanted: int, asked: int, failed: Sequence[requests.RequestException]) -> str | None:
    if failed:
        return f"the Python index did not answer ({type(failed[0]).__name__})"
    if asked < wanted:
        return f"no index has the projects of {wanted - asked} of {wanted} releases"
    return None


def _match(component: Component, reason: str) -> Match:
    summary = " ".join(f"withdrawn by its makers: {reason or 'no reason given'}".split())[:200]
    return Match(component, (f"{NAME}/{component.name}={component.version}",), summary, None, None)
