# SPDX-License-Identifier: BSD-3-Clause
"""The issue of known vulnerabilities: one, with a box for each thing to do, closed when nothing is left.

Who works on it ticks boxes, and they stay ticked when the text is made anew, as long as what is behind
a box is the same. Words of advisories are other people's: they stand as code (`pansoft.ci.markdown`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

from pansoft.advisories.scan import Known, Row, Scan
from pansoft.advisories.sources.withdrawn import is_withdrawal
from pansoft.advisories.text import alike, in_words, level_of
from pansoft.ci.gitlab import Gitlab, Posted, Text
from pansoft.ci.issues import close
from pansoft.ci.markdown import code

LABEL = "advisories"
MARKER = "<!-- pansoft:advisories -->"
_CLEAR = "<!-- pansoft:advisories-clear -->"
_BOX = re.compile(r"^- \[[xX]\] <!-- ([0-9a-f]{12}) -->", re.MULTILINE)
_ROWS = 200
_HOLDERS = 20
_GROUPS = 20
_IDS = 60


def tell(found: Scan, remedies: Mapping[Row, Sequence[str]], gitlab: Gitlab) -> Posted | None:
    """Let GitLab have what was found: one open issue, or none where nothing is to be done.

    Where somebody could not be asked an issue stays open: that nothing was found says nothing then.

    Raises:
        GitlabFailed: it cannot be written.
    """
    if found.rows:
        ticked = frozenset(_BOX.findall(gitlab.open_issue(marker=MARKER) or ""))
        return gitlab.put_issue(text_of(found, remedies, ticked), marker=MARKER)
    if found.faults:
        return None
    said = "Nothing that is published is known to be vulnerable any more."
    return close(gitlab, marker=MARKER, said=said, note_marker=_CLEAR)


def text_of(
    found: Scan, remedies: Mapping[Row, Sequence[str]], ticked: frozenset[str] = frozenset()
) -> Text:
    """Return the issue; `ticked` are the keys of the boxes that somebody has ticked."""
    count = len(found.rows)
    lines = [
        MARKER,
        "",
        f"{count} {'thing is' if count == 1 else 'things are'} known to be vulnerable or withdrawn in "
        f"{len({holder for row in found.rows for holder in row.holders})} packages. This is written "
        "anew by the schedule, ticked boxes stay, and it is closed when nothing is left.",
        "",
    ]
    for row in found.rows[:_ROWS]:
        lines += _row(row, remedies[row], ticked)
    if count > _ROWS:
        lines.append(f"\nAnd {count - _ROWS} more.")
    lines += ["", "Who was asked:", ""]
    lines += [f"- {code(each.source)}: {code(in_words(each), most=500)}" for each in found.answers]
    lines += [f"- cannot be looked into: {code(each, most=300)}" for each in found.holdings.unknown]
    return Text(f"Known vulnerabilities: {count}", "\n".join([*lines, ""]), (LABEL,))


def key_of(row: Row) -> str:
    """Return what the box of a row is known by: another version or another advisory is another box."""
    told = "\0".join((row.name, row.version, *(each.id for each in row.known)))
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _row(row: Row, remedies: Sequence[str], ticked: frozenset[str]) -> Iterator[str]:
    key = key_of(row)
    box = "x" if key in ticked else " "
    fixed = f", fixed in {code(row.fixed_in)}" if row.fixed_in else ""
    yield f"- [{box}] <!-- {key} --> {code(f'{row.name} {row.version}')}{fixed}"
    groups = alike(row.known)
    for group in groups[:_GROUPS]:
        yield f"  - {_known(group)}"
    if len(groups) > _GROUPS:
        yield f"  - and {len(groups) - _GROUPS} more"
    holders = ", ".join(code(str(each)) for each in row.holders[:_HOLDERS])
    more = f" and {len(row.holders) - _HOLDERS} more" if len(row.holders) > _HOLDERS else ""
    yield f"  - in {holders}{more}"
    for remedy in remedies:
        yield f"  - do: {code(remedy)}"


def _known(group: Sequence[Known]) -> str:
    ids = ", ".join(code(each.id) for each in group[:_IDS])
    more = f" and {len(group) - _IDS} more" if len(group) > _IDS else ""
    known = group[0]
    level = "" if is_withdrawal(known.id) else f", {level_of(known)}"
    ended = f", was ignored until {known.ended.until}" if known.ended else ""
    summary = f": {code(known.summary, most=200)}" if known.summary else ""
    return f"{ids}{more}{level}{ended}{summary}"
