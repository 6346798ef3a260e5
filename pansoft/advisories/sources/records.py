# SPDX-License-Identifier: BSD-3-Clause
"""Records in the OSV form: those beside the policy, and those of folders that the site mirrors.

A folder has the records as osv.dev and the distributions hand them out, a JSON file each, also in folders
of their own for each ecosystem. How they are read and matched: `trust.vulnerabilities.advisories`.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.problems import Problem
from pansoft.advisories.sources.answer import Answer, Asking, Match
from trust.evidence import Component
from trust.vulnerabilities.advisories import Advisory, affecting, fixed_in, read_folder

NAME = "records"
_SHOWN = 3


def ask(components: Sequence[Component], asking: Asking) -> Answer:
    """Return what records say of components; one that cannot be read is told of."""
    beside = asking.policy.safety.vulnerabilities
    advisories = {each.id: each for each in (beside.advisories if beside else ())}
    problems: list[Problem] = []
    for folder in asking.osv:
        for place in (folder, *sorted(each for each in folder.iterdir() if each.is_dir())):
            advisories |= {each.id: each for each in read_folder(place, problems)}
    found = affecting(advisories.values(), components, asking.at)
    return Answer(
        NAME,
        len(components) if advisories else 0,
        tuple(_match(advisory, component) for advisory, component in found),
        _not_read(problems) if problems else None if advisories else "there are no records",
        is_fault=bool(problems),
    )


def _match(advisory: Advisory, component: Component) -> Match:
    return Match(
        component,
        advisory.names,
        advisory.summary,
        advisory.level,
        fixed_in(advisory, component),
    )


def _not_read(problems: Sequence[Problem]) -> str:
    shown = "; ".join(f"{each.rule}: {each.message}" for each in problems[:_SHOWN])
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return f"records that cannot be read count for nothing: {shown}{more}"
