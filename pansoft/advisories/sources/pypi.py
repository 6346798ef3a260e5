# SPDX-License-Identifier: BSD-3-Clause
"""What the host's Python index says of vulnerabilities of a release, where it has that API."""

from __future__ import annotations

from collections.abc import Sequence

import requests

from builder.inputs.python_advisories import PythonAdvisory, advisories
from core.versions import Scheme, compare
from pansoft.advisories.sources.answer import Answer, Asking, Match, in_parallel, python_releases
from trust.evidence import Component

NAME = "pypi"
_TRIED = 16
"""An index that knows none of so many releases has no such API."""


def ask(components: Sequence[Component], asking: Asking) -> Answer:
    """Return what the index says of the releases among components."""
    releases = python_releases(components)
    keys = _spread(sorted(releases))
    if not keys:
        return Answer(NAME, 0)

    def one(key: tuple[str, str]) -> tuple[PythonAdvisory, ...] | None:
        project, version = key
        return advisories(
            project,
            version,
            indexes=asking.mirrors.indexes(),
            session=asking.mirrors.session("python"),
        )

    label = "ask the Python index for advisories"
    said = in_parallel(one, keys[:_TRIED], label=label, console=asking.console)
    if any(isinstance(each, tuple) for each in said):
        said += in_parallel(one, keys[_TRIED:], label=label, console=asking.console)
    answered = {key: each for key, each in zip(keys, said, strict=False) if isinstance(each, tuple)}
    failed = [each for each in said if isinstance(each, requests.RequestException)]
    return Answer(
        NAME,
        len(answered),
        tuple(_match(releases[key], each) for key, found in answered.items() for each in found),
        _not_asked(len(keys), len(answered), failed),
        is_fault=bool(failed),
    )


def _spread(keys: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return all of them, at first some from everywhere: a facility's own projects begin alike."""
    step = max(len(keys) // _TRIED, 1)
    first = keys[::step][:_TRIED]
    return [*first, *(key for key in keys if key not in first)]


def _not_asked(
    wanted: int, answered: int, failed: Sequence[requests.RequestException]
) -> str | None:
    if failed:
        return f"the Python index did not answer ({type(failed[0]).__name__})"
    if not answered:
        return "the Python index of this host has no JSON API of releases"
    if answered < wanted:
        return f"the Python index has nothing of {wanted - answered} of {wanted} releases"
    return None


def _match(component: Component, advisory: PythonAdvisory) -> Match:
    newer = [
        each for each in advisory.fixed_in if compare(each, component.version, Scheme.PYTHON) == 1
    ]
    fixed_in = None
    for each in newer:
        if fixed_in is None or compare(each, fixed_in, Scheme.PYTHON) == -1:
            fixed_in = each
    return Match(component, advisory.names, advisory.summary, None, fixed_in)
