# SPDX-License-Identifier: BSD-3-Clause
"""Who knows of vulnerabilities, a module each, of one shape: `ask(components, asking) -> Answer`.

- `records`: records in the OSV form, of the policy and of a folder that the site mirrors
- `debian`: the security suite and the updates of the host's Debian archives
- `pypi`: what the Python index says of a release in its JSON API, where it has one
- `withdrawn`: releases that their makers have withdrawn from the Python index (PEP 592)

A source that could not be asked says so: nothing is found only where somebody looked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pansoft.advisories.sources import debian, pypi, records, withdrawn
from pansoft.advisories.sources.answer import Answer, Asking, Match
from trust.evidence import Component

SOURCES: tuple[Callable[[Sequence[Component], Asking], Answer], ...] = (
    records.ask,
    debian.ask,
    pypi.ask,
    withdrawn.ask,
)
"""All of them, in the order in which they are asked."""

__all__ = ["SOURCES", "Answer", "Asking", "Match"]
