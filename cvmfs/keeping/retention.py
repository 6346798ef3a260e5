# SPDX-License-Identifier: BSD-3-Clause
"""Which revisions are kept: rules over tags, and nothing that reads a clock or a repository.

Only the tags that publishing made (`generic-…`) go. A revision that has another tag, given by a person or the
current and the previous one, keeps its generic tag too. Of a day, an ISO week or a month, in UTC, its newest
revision is the one that is kept; days without a revision do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cvmfs.format.history import Tag


@dataclass(frozen=True, slots=True)
class Retention:
    """How many of the newest revisions, days, weeks and months are kept, and what is younger than `within`.

    A revision that one rule keeps stays. Without a rule everything stays.
    """

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    within: timedelta | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether there is no rule."""
        return self == Retention()


KEEP_ALL = Retention()


def expired(tags: Sequence[Tag], rules: Retention, *, at: datetime) -> tuple[Tag, ...]:
    """Return the tags that no rule keeps, the oldest first."""
    if rules.is_empty:
        return ()
    generic = sorted((tag for tag in tags if tag.is_generic), key=_age, reverse=True)
    kept = {tag.revision for tag in tags if not tag.is_generic}
    kept |= {tag.revision for tag in generic[: rules.last]}
    kept |= _newest_of(generic, rules.daily, lambda tag: tag.time.date())
    kept |= _newest_of(generic, rules.weekly, lambda tag: tag.time.isocalendar()[:2])
    kept |= _newest_of(generic, rules.monthly, lambda tag: (tag.time.year, tag.time.month))
    if rules.within is not None:
        kept |= {tag.revision for tag in generic if at - tag.time <= rules.within}
    return tuple(tag for tag in reversed(generic) if tag.revision not in kept)


def _newest_of(
    newest_first: Iterable[Tag], periods: int, period_of: Callable[[Tag], object]
) -> set[int]:
    """Return the newest revision of each of so many periods, from the last one backward."""
    newest: dict[object, int] = {}
    for tag in newest_first:
        newest.setdefault(period_of(tag), tag.revision)
    return set(list(newest.values())[:periods])


def _age(tag: Tag) -> tuple[int, str]:
    return tag.revision, tag.name
