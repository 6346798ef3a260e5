# SPDX-License-Identifier: BSD-3-Clause
"""What a source is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import requests
from packaging.utils import canonicalize_name

from builder.inputs.places import Mirrors
from builder.state import State
from core.console import Console
from core.versions import Scheme
from trust.evidence import Component
from trust.policy import TrustPolicy
from trust.vulnerabilities.advisories import Level

_PARALLEL = 8
PYTHON = "pkg:pypi/"
DEBIAN = "pkg:deb/"
SCHEMES: Mapping[str, Scheme] = {
    DEBIAN: Scheme.DEBIAN,
    PYTHON: Scheme.PYTHON,
    "pkg:npm/": Scheme.SEMANTIC,
}
"""How the versions of a kind of components are numbered, by the beginning of its package URL."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What sources may use; `osv` are folders with records that the site mirrors."""

    state: State
    policy: TrustPolicy
    osv: tuple[Path, ...]
    mirrors: Mirrors
    at: datetime
    console: Console


@dataclass(frozen=True, slots=True)
class Match:
    """A component that an advisory speaks of.

    Args:
        component: what it speaks of.
        names: the id of the advisory and other ids of the same thing.
        summary: what it is, in the words of its author; empty where there are none.
        level: how bad it is; None where nobody says.
        fixed_in: the version that mends it; None where there is none, or nobody says.
    """

    component: Component
    names: tuple[str, ...]
    summary: str
    level: Level | None
    fixed_in: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source says.

    Args:
        source: its name.
        asked: how many components it was asked about.
        matches: what it says of them.
        not_asked: why it was asked about none of them, or not about all.
        is_fault: whether somebody has to mend that; a source that this host need not have is none.
    """

    source: str
    asked: int
    matches: tuple[Match, ...] = ()
    not_asked: str | None = None
    is_fault: bool = False


def python_releases(components: Sequence[Component]) -> Mapping[tuple[str, str], Component]:
    """Return the components that are releases of Python projects, by project and version."""
    return {
        (canonicalize_name(each.name), each.version): each
        for each in components
        if each.purl.startswith(PYTHON)
    }


_What = TypeVar("_What")
_Said = TypeVar("_Said")


def in_parallel(
    ask: Callable[[_What], _Said], about: Sequence[_What], *, label: str, console: Console
) -> list[_Said | requests.RequestException]:
    """Return what a server says of each of many things, in their order, or why it says nothing."""

    def one(what: _What) -> _Said | requests.RequestException:
        try:
            return ask(what)
        except requests.RequestException as err:
            return err

    said: list[_Said | requests.RequestException] = []
    with console.progress(label, len(about)) as progress, ThreadPoolExecutor(_PARALLEL) as pool:
        for each in pool.map(one, about):
            progress.advance()
            said.append(each)
    return said
