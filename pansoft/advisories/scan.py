# SPDX-License-Identifier: BSD-3-Clause
"""All sources, asked about every component once, and what they say laid side by side.

A row is one version of one thing: the binary packages of a Debian source package stand in one row, and so
does what several sources say of the same version. What is ignored is counted and never lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.versions import compare
from pansoft.advisories.holdings import Holder, Holdings
from pansoft.advisories.sources import SOURCES, Answer, Asking, Match
from pansoft.advisories.sources.answer import SCHEMES
from pansoft.advisories.waived import ended_of, waiver_of
from trust.evidence import Component
from trust.policy.safety import Ignored
from trust.vulnerabilities.advisories import Level


@dataclass(frozen=True, slots=True)
class Known:
    """One vulnerability of a row. `ended` is what let it pass until a day that is over."""

    id: str
    summary: str
    level: Level | None
    fixed_in: str | None
    sources: tuple[str, ...]
    ended: Ignored | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A version of something, what is known of it, and which packages hold it."""

    name: str
    version: str
    components: tuple[Component, ...]
    known: tuple[Known, ...]
    holders: tuple[Holder, ...]

    @property
    def level(self) -> Level | None:
        """Return how bad the worst is of which somebody says it; None where nobody does."""
        return max((each.level for each in self.known if each.level is not None), default=None)

    @property
    def fixed_in(self) -> str | None:
        """Return the version that mends all that can be mended; None where nothing can."""
        scheme = next(
            scheme for kind, scheme in SCHEMES.items() if self.components[0].purl.startswith(kind)
        )
        found: str | None = None
        for each in self.known:
            if each.fixed_in is None:
                continue
            if found is None or compare(each.fixed_in, found, scheme) == 1:
                found = each.fixed_in
        return found


@dataclass(frozen=True, slots=True)
class Passed:
    """An advisory that the policy lets pass in some packages."""

    id: str
    name: str
    version: str
    by: Ignored
    holders: tuple[Holder, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found. `lesser` counts what is less bad than was asked for."""

    holdings: Holdings
    answers: tuple[Answer, ...]
    rows: tuple[Row, ...]
    passed: tuple[Passed, ...]
    lesser: int

    @property
    def faults(self) -> tuple[str, ...]:
        """Return why this is not all that there is to know, where somebody has to mend that."""
        asked = [f"{each.source}: {each.not_asked}" for each in self.answers if each.is_fault]
        return (*asked, *self.holdings.unknown)


@dataclass
class _Gathered:
    components: dict[Component, None] = field(default_factory=dict)
    known: list[tuple[set[str], Known]] = field(default_factory=list)
    holders: dict[Holder, None] = field(default_factory=dict)


def scan(holdings: Holdings, asking: Asking, *, least: Level = Level.LOW) -> Scan:
    """Ask all sources about all components.

    Args:
        holdings: the components, and who holds them.
        asking: what sources may use.
        least: how bad it has to be; what nobody calls anything counts.
    """
    components = tuple(holdings.held)
    answers = tuple(ask(components, asking) for ask in SOURCES)
    gathered: dict[tuple[str, str, str], _Gathered] = {}
    passed: dict[tuple[str, str, str], Passed] = {}
    lesser = 0
    for answer in answers:
        for match in answer.matches:
            if match.level is not None and match.level < least:
                lesser += 1
                continue
            _sort_in(match, answer.source, holdings, asking, gathered, passed)
    return Scan(holdings, answers, _rows(gathered), tuple(passed.values()), lesser)


def _sort_in(
    match: Match,
    source: str,
    holdings: Holdings,
    asking: Asking,
    gathered: dict[tuple[str, str, str], _Gathered],
    passed: dict[tuple[str, str, str], Passed],
) -> None:
    """Put a match where it belongs: what no package has to answer for is let pass."""
    component = match.component
    kind, name = _thing(component)
    ended: Ignored | None = None
    open_in = []
    for holder in holdings.held[component]:
        by = waiver_of(asking.policy, match.names, holder.name, at=asking.at)
        if by is None:
            open_in.append(holder)
            ended = ended or ended_of(asking.policy, match.names, holder.name, at=asking.at)
            continue
        key = (by.id, name, component.version)
        before = passed.get(key)
        holders = dict.fromkeys((*(before.holders if before else ()), holder))
        passed[key] = Passed(by.id, name, component.version, by, tuple(holders))
    if not open_in:
        return
    row = gathered.setdefault((kind, name, component.version), _Gathered())
    row.components[component] = None
    row.holders |= dict.fromkeys(open_in)
    _add(row.known, match, source, ended)


def _add(
    known: list[tuple[set[str], Known]], match: Match, source: str, ended: Ignored | None
) -> None:
    """Put a vulnerability to those of a row; one that is there under any of its names gets what is new."""
    for number, (names, before) in enumerate(known):
        if names.isdisjoint(match.names):
            continue
        names.update(match.names)
        levels = [each for each in (before.level, match.level) if each is not None]
        merged = Known(
            _id(sorted(names)),
            before.summary or match.summary,
            max(levels, default=None),
            before.fixed_in or match.fixed_in,
            tuple(dict.fromkeys((*before.sources, source))),
            before.ended or ended,
        )
        known[number] = (names, merged)
        return
    new = Known(_id(match.names), match.summary, match.level, match.fixed_in, (source,), ended)
    known.append((set(match.names), new))


def _id(names: Sequence[str]) -> str:
    """Return the name by which most people know an advisory: its CVE, else its own id."""
    return next((name for name in names if name.startswith("CVE-")), names[0])


def _thing(component: Component) -> tuple[str, str]:
    """Return the kind of a component and what stands for it: of Debian's packages, their source."""
    source = (component.source or "").partition(" ")[0]
    return component.purl.partition("/")[0], source or component.name


def _rows(gathered: Mapping[tuple[str, str, str], _Gathered]) -> tuple[Row, ...]:
    rows = [
        Row(
            name,
            version,
            tuple(sorted(each.components, key=lambda component: component.name)),
            tuple(sorted((known for _, known in each.known), key=lambda known: known.id)),
            tuple(sorted(each.holders)),
        )
        for (_, name, version), each in gathered.items()
    ]
    # what nobody has called bad may be anything: it stands with the worst
    return tuple(sorted(rows, key=lambda row: (-(row.level or max(Level)), row.name, row.version)))
