# SPDX-License-Identifier: BSD-3-Clause
"""The note on a merge request: what a change does to packages, to be read in ten seconds.

The verdict comes first, then a line for each package, then what went wrong, what is in the images that
was not, and how to try them. From values to a text; nothing is read or sent. However much there is to
tell, GitLab takes the note.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from builder.evidence.difference import Change, How
from catalog import pages, words
from core.console import readable_size
from pansoft.ci import preview as previews
from pansoft.ci.markdown import Markdown, block, code, link, only
from pansoft.ci.preview import Preview

MARKER = "<!-- pansoft:report -->"
_TEMPLATE = Path(__file__).with_name("templates") / "note.md"
_ROWS = 60
_FAILURES = 10
_DIFFERENCES = 10
_CHANGES = 25
_PICTURES = 30
_LINES = 25
_NAMED = 3
_PEOPLE = 6


class Standing(StrEnum):
    """How far a package came."""

    READY = "ready"
    FAILED = "failed"
    REFUSED = "refused"
    """The trust policy keeps it out."""
    MISSING = "missing"
    """It was not built or not tested."""


_SIGNS = {
    Standing.READY: "✅",
    Standing.FAILED: "❌",
    Standing.REFUSED: "⛔",
    Standing.MISSING: "❔",
}
_WORST_FIRST = (Standing.FAILED, Standing.REFUSED, Standing.MISSING, Standing.READY)


class Moved(StrEnum):
    """Where a published package comes to without another image, or which it had left."""

    PROMOTED = "promoted"
    """Into another channel."""
    RETIRED = "retired"
    RETURNED = "returned"
    """It is not retired any more; it is built and tested as it stands now."""
    REMOVED = "removed"
    """Its recipe is gone."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What a graphical test saw, and where the picture is."""

    name: str
    link: str | None


@dataclass(frozen=True, slots=True)
class PackageNote:
    """One package. Sizes in bytes, times in seconds; None is what nobody measured.

    `key` is what the command line calls it, `before` the version that is published, None where there is
    none. `fresh` is whether it was built just now, `new_bytes` what it adds to its base, `start_seconds`
    within which it starts, `why` where it stopped, and `output` the last lines of that. `changes` are the
    components that the published version does not have, or has in another version. `plan` is the id of what
    was built and `sha256` that of the image, which is what has to be published. `moved` is where it comes
    to, and `move` says that in words.
    """

    name: str
    version: str
    standing: Standing
    key: str = ""
    before: str | None = None
    fresh: bool | None = None
    build_seconds: float | None = None
    tests: int | None = None
    tests_passed: int | None = None
    size: int | None = None
    new_bytes: int | None = None
    start_seconds: float | None = None
    licence: str = ""
    accepted: bool | None = None
    why: str | None = None
    output: str = ""
    changes: tuple[Change, ...] = ()
    pictures: tuple[Picture, ...] = ()
    plan: str | None = None
    sha256: str | None = None
    moved: Moved | None = None
    move: str = ""

    @property
    def has_image(self) -> bool:
        """Return whether there is something to build and to test of it."""
        return self.moved in (None, Moved.RETURNED)


@dataclass(frozen=True, slots=True)
class Owned:
    """A recipe or a base, and who looks after it by the default branch: people, and their facilities."""

    name: str
    people: tuple[str, ...]
    facilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be told: the packages, what the repository grew by, and where it was made.

    `others` are packages that are as they were; `stored` is what is new after all that the repository has
    already was left out; `merge_request` is the number of the one that the note stands on; `began` is when a
    run of `apply` did that this is about. `beyond` are the paths of other things than recipes that the merge
    request changes: then its pipeline has run its own code, and the note is its own word; `unseen` says that
    there are more than GitLab lists. `owned` are the recipes that it changes and others look after. `preview`
    is where the packages can be mounted before they are merged.
    """

    packages: tuple[PackageNote, ...]
    others: int = 0
    stored: int | None = None
    seconds: float | None = None
    commit: str | None = None
    pipeline: str | None = None
    merge_request: int | None = None
    began: str | None = None
    beyond: tuple[str, ...] = ()
    unseen: bool = False
    owned: tuple[Owned, ...] = ()
    preview: Preview | None = None

    @property
    def is_beyond_recipes(self) -> bool:
        """Return whether the merge request changes more than recipes, as far as one can see."""
        return bool(self.beyond) or self.unseen

    @property
    def ordered(self) -> tuple[PackageNote, ...]:
        """Return the packages, those that need somebody first."""
        worst = {standing: number for number, standing in enumerate(_WORST_FIRST)}
        return tuple(
            sorted(self.packages, key=lambda each: (worst[each.standing], each.name, each.version))
        )

    @property
    def standing(self) -> Standing:
        """Return what holds for all packages together."""
        return self.ordered[0].standing if self.ordered else Standing.READY

    def count(self, standing: Standing) -> int:
        """Return how many packages came so far."""
        return sum(package.standing is standing for package in self.packages)


def render(note: Note) -> str:
    """Return the note in GitLab's Markdown; its first line is `MARKER`."""
    shown = note.ordered[:_ROWS]
    return pages.text(
        _TEMPLATE,
        escape=only,
        marker=Markdown(MARKER),
        heading=heading(note, names=True),
        figures=_figures(note),
        warnings=[each for each in (_warning(note), _of_others(note.owned)) if each],
        rows=[_row(package) for package in shown],
        left_out=len(note.ordered) - len(shown),
        failures=list(_failures(note.ordered)),
        differences=list(_differences(note.ordered)),
        pictures=_pictures(note.ordered),
        preview=_preview(note.preview),
        commands=_commands(note),
        digests=_digests(note.ordered),
        foot=_foot(note),
    )


def heading(note: Note, *, names: bool = False) -> Markdown:
    """Return the verdict in a line, with the names of packages that stopped where they are asked for."""
    standing, count, total = note.standing, note.count(note.standing), len(note.packages)
    stopped = [package for package in note.ordered if package.standing is standing]
    told = f": {_named(stopped)}" if names else ""
    sign = _SIGNS[standing]
    match standing:
        case Standing.READY if total == 0:
            return Markdown(f"{sign} No package changes")
        case Standing.READY:
            images = [package for package in note.packages if package.has_image]
            accepted = all(package.accepted for package in images)
            done = "built, tested and accepted by the policy" if accepted else "built and tested"
            ready = f"{_packages(len(images))} {done}" if images else "no image changes"
            return Markdown(f"{sign} Ready: {ready}{_moves(note)}")
        case Standing.FAILED:
            return Markdown(f"{sign} Failed: {count} of {_packages(total)}{told}")
        case Standing.REFUSED:
            return Markdown(f"{sign} Refused by the policy: {count} of {_packages(total)}{told}")
        case Standing.MISSING:
            return Markdown(
                f"{sign} Not complete: {count} of {_packages(total)} not built or tested{told}"
            )
        case _:
            assert_never(standing)


def _moves(note: Note) -> str:
    counts = {each: sum(package.moved is each for package in note.packages) for each in Moved}
    return "".join(f", {count} {each.value}" for each, count in counts.items() if count)


def _packages(count: int) -> str:
    return f"{count} package{'' if count == 1 else 's'}"


def _named(packages: Sequence[PackageNote]) -> str:
    text = ", ".join(code(package.name, most=64) for package in packages[:_NAMED])
    more = len(packages) - _NAMED
    return f"{text} and {more} more" if more > 0 else text


def _figures(note: Note) -> Markdown:
    tests = [package for package in note.packages if package.tests is not None]
    fresh = sum(package.fresh is True for package in note.packages)
    reused = sum(package.fresh is False for package in note.packages)
    parts = [f"{fresh} built" if fresh else "", f"{reused} reused" if reused else ""]
    if tests:
        passed = sum(package.tests_passed or 0 for package in tests)
        parts.append(f"{passed} of {sum(package.tests or 0 for package in tests)} tests passed")
    if note.stored is not None:
        parts.append(f"{readable_size(note.stored)} new in the repository")
    if note.seconds is not None:
        parts.append(words.seconds(note.seconds))
    if note.others:
        parts.append(f"{note.others} as they were")
    return Markdown(" · ".join(part for part in parts if part))


def _warning(note: Note) -> Markdown:
    """Return what a reviewer has to know of a merge request that changes more than recipes."""
    if not note.is_beyond_recipes:
        return Markdown("")
    named: list[str] = [code(path, most=64) for path in note.beyond[:_NAMED]]
    if (more := len(note.beyond) - _NAMED) > 0:
        named.append(f"{more} more")
    if note.unseen:
        named.append("what GitLab does not list, for there is too much: see it with git")
    return Markdown(
        f"⚠️ **Changes more than recipes**: {_joined(named)}. Its pipeline ran with these changes, so "
        "what is said here is its own word: read them first."
    )


def _of_others(owned: Sequence[Owned]) -> Markdown:
    """Return whose recipes a merge request changes that these people have not opened."""
    if not owned:
        return Markdown("")
    named = []
    for each in owned[:_ROWS]:
        who = [code(one, most=64) for one in (*each.people, *each.facilities)[:_PEOPLE]]
        named.append(f"{code(each.name, most=64)} of {_joined(who) if who else 'nobody known'}")
    if (more := len(owned) - _ROWS) > 0:
        named.append(f"{more} more")
    return Markdown(
        f"👥 **Changes recipes that others look after**: {'; '.join(named)}. None of them opened this, as "
        "far as GitLab knows their addresses: let them see it."
    )


def _joined(parts: Sequence[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def _row(package: PackageNote) -> Markdown:
    """Return the line of a package in the table."""
    moved = package.moved if package.standing is Standing.READY else None
    cells = (
        Markdown(f"{_SIGNS[package.standing]} {moved or package.standing.value}"),
        Markdown(f"{code(package.name, most=64)} {code(package.version, most=64)}"),
        _change(package),
        _build(package),
        _tests(package),
        _size(package.size),
        _size(package.new_bytes),
        Markdown("" if package.start_seconds is None else words.seconds(package.start_seconds)),
        code(package.licence, most=80),
    )
    return Markdown(f"| {' | '.join(cells)} |")


def _change(package: PackageNote) -> Markdown:
    if package.moved is not None:
        return code(package.move)
    if package.before is None:
        return Markdown("new")
    if package.before == package.version:
        return Markdown("same version")
    return Markdown(f"from {code(package.before, most=64)}")


def _build(package: PackageNote) -> Markdown:
    if package.fresh is None:
        return Markdown("")
    if package.build_seconds is None:
        return Markdown("built" if package.fresh else "reused")
    took = words.seconds(package.build_seconds)
    return Markdown(f"built in {took}" if package.fresh else f"reused, took {took}")


def _tests(package: PackageNote) -> Markdown:
    if package.tests is None:
        return Markdown("")
    return Markdown(f"{package.tests_passed or 0} of {package.tests}")


def _size(size: int | None) -> Markdown:
    return Markdown("" if size is None else readable_size(size))


@dataclass(frozen=True, slots=True)
class _Fold:
    """Something that is read when it is opened."""

    summary: Markdown
    body: Markdown
    is_open: bool = False


def _failures(packages: Iterable[PackageNote]) -> Iterator[_Fold]:
    """Yield why packages stopped, the first of them open."""
    stopped = [package for package in packages if package.why or package.output]
    for number, package in enumerate(stopped[:_FAILURES]):
        summary = f"{_SIGNS[package.standing]} {code(package.name, most=64)}: why it stopped"
        parts = [code(package.why or "", most=500)]
        if package.output.strip():
            parts.append(block(package.output, lines=_LINES))
        body = "\n\n".join(part for part in parts if part)
        yield _Fold(Markdown(summary), Markdown(body), is_open=number == 0)


def _differences(packages: Iterable[PackageNote]) -> Iterator[_Fold]:
    """Yield which components a package has that its published version has not, and the other way."""
    changed = [package for package in packages if package.changes and package.before is not None]
    for package in changed[:_DIFFERENCES]:
        count = {how: sum(each.how is how for each in package.changes) for how in How}
        told = ", ".join(f"{number} {how.value}" for how, number in count.items() if number)
        lines = [_component(each) for each in package.changes[:_CHANGES]]
        if more := len(package.changes) - len(lines):
            lines.append(f"- and {more} more")
        summary = f"Components of {code(package.name, most=64)}: {told}"
        yield _Fold(Markdown(summary), Markdown("\n".join(lines)))


def _component(change: Change) -> str:
    name = code(change.name, most=60)
    match change.how:
        case How.ADDED:
            return f"- added {name} {code(change.after or '', most=40)}"
        case How.REMOVED:
            return f"- removed {name} {code(change.before or '', most=40)}"
        case How.CHANGED:
            return f"- {name} {code(change.before or '', most=40)} → {code(change.after or '', most=40)}"
        case _:
            assert_never(change.how)


def _pictures(packages: Iterable[PackageNote]) -> Markdown:
    found = [
        f"- {code(package.name, most=64)}: {link(picture.name, picture.link)}"
        for package in packages
        for picture in package.pictures
    ]
    more = len(found) - _PICTURES
    return Markdown("\n".join([*found[:_PICTURES], *([f"- and {more} more"] if more > 0 else [])]))


def _preview(preview: Preview | None) -> Markdown:
    """Return how to mount the packages before they are merged, until when, and where that comes from."""
    if preview is None:
        return Markdown("")
    names = ", ".join(code(name, most=64) for name in preview.packages)
    where = link("the artifacts of its job", preview.link) if preview.url is None else None
    parts = [
        f"{names} until {code(preview.expires)}, from {where or code(preview.url or '', most=300)}. "
        "Nobody has reviewed what is in it: mount it where you would try a stranger's program.",
        _shell(previews.to_mount(preview)),
    ]
    if with_client := previews.to_configure(preview):
        parts += ["With the client of CVMFS, in place of `pansoft`:", _shell(with_client)]
    return Markdown("\n\n".join(parts))


def _shell(text: str) -> Markdown:
    return block(text, lines=text.count("\n") + 1, width=1000)


def _commands(note: Note) -> Markdown:
    """Return the commands with which a reader has the first package on a machine of their own."""
    first = next((package for package in note.ordered if package.has_image), None)
    if first is None:
        return Markdown("")
    lines = []
    if note.merge_request is not None:
        lines.append(f"git fetch origin merge-requests/{note.merge_request}/head")
        lines.append("git checkout FETCH_HEAD")
    name = first.key or first.name
    lines += [f"pansoft {verb} {name}" for verb in ("build", "test", "shell")]
    return block("\n".join(lines), lines=len(lines))


def _digests(packages: Iterable[PackageNote]) -> Markdown:
    """Return which bytes the packages have: those that are published are held against them."""
    lines = [
        f"{package.sha256}  {package.name} {package.version}"
        for package in packages
        if package.sha256 is not None
    ][:_ROWS]
    return block("\n".join(lines), lines=len(lines)) if lines else Markdown("")


def _foot(note: Note) -> Markdown:
    parts = []
    if note.began:
        parts.append(f"run of {code(note.began)}")
    if note.commit:
        parts.append(f"commit {code(note.commit[:12])}")
    if note.pipeline:
        parts.append(f"{link('pipeline', note.pipeline)}")
    return Markdown(f"<sub>{' · '.join(parts)}</sub>" if parts else "")
