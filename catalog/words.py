# SPDX-License-Identifier: BSD-3-Clause
"""Facts of an entry in the words that a scientist reads."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from builder.recipes.recipe import Need, Redistribution, Runtime, TestKind
from catalog.entry import CatalogEntry, PublishedFinding, PublishedTest

_MONTHS = "Jan Feb Mar Apr May June July Aug Sept Oct Nov Dec"
_SPDX_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*\+?")
_WEB = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[!-~]*)?")
_ORCID = re.compile(r"https://orcid\.org/[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X]")
_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+")

_PERMISSIVE = (
    "MIT",
    "BSD-",
    "Apache-",
    "ISC",
    "Zlib",
    "PSF-",
    "Python-",
    "HPND",
    "CC0-",
    "Unlicense",
)
_WEAK_COPYLEFT = ("LGPL-", "MPL-", "EPL-", "CECILL-C")
_COPYLEFT = ("GPL-", "CECILL-2", "EUPL-")
_NETWORK_COPYLEFT = ("AGPL-",)


class Word(NamedTuple):
    """A piece of a licence expression, and where it is explained."""

    text: str
    link: str | None


def date(published: str) -> str:
    """Return `2 Mar 2026` of `2026-03-02…`."""
    year, month, day = published[:10].split("-")
    return f"{int(day)} {_MONTHS.split()[int(month) - 1]} {year}"


def seconds(value: float) -> str:
    """Return a duration: `0.41 s`, `12.5 s`, `3 min 20 s`."""
    if value < 10:
        return f"{value:.2f} s"
    if value < 100:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def fingerprint(value: str) -> str:
    """Return a fingerprint in groups of four digits, as key programs show it."""
    return " ".join(value[i : i + 4] for i in range(0, len(value), 4))


def web_link(text: str | None) -> str | None:
    """Return a link that is safe to follow, or None where the text is something else."""
    return text if text and _WEB.fullmatch(text) else None


def mail_link(text: str | None) -> str | None:
    """Return a link that writes to an address, or None where the text is something else."""
    return f"mailto:{text}" if text and _MAIL.fullmatch(text) else None


def orcid_link(text: str | None) -> str | None:
    """Return the link of an ORCID, or None where the text is something else."""
    return text if text and _ORCID.fullmatch(text) else None


def license_words(spdx: str) -> tuple[Word, ...]:
    """Return the pieces of an SPDX expression, each licence that SPDX lists with its page."""
    return tuple(
        Word(piece, _license_link(piece)) for piece in re.split(r"(\s+|[()])", spdx) if piece
    )


def _license_link(piece: str) -> str | None:
    if piece in ("AND", "OR", "WITH") or piece.startswith(("LicenseRef-", "DocumentRef-")):
        return None
    if not _SPDX_ID.fullmatch(piece):
        return None
    return f"https://spdx.org/licenses/{piece.removesuffix('+')}.html"


def license_allows(spdx: str) -> str | None:
    """Return what a single well-known licence allows, in a sentence; None for the rest."""
    if not _SPDX_ID.fullmatch(spdx):
        return None
    if spdx.startswith(_PERMISSIVE):
        return "You may use, change and pass it on for any purpose; keep the notice."
    if spdx.startswith(_WEAK_COPYLEFT):
        return (
            "You may use, change and pass it on; what you change in it you pass on under the "
            "same licence."
        )
    if spdx.startswith(_NETWORK_COPYLEFT):
        return (
            "You may use, change and pass it on; who gets it, or uses it over a network, gets the "
            "source under the same licence."
        )
    if spdx.startswith(_COPYLEFT):
        return (
            "You may use, change and pass it on; whoever gets it gets the source under the same "
            "licence."
        )
    return None


def redistribution(value: Redistribution) -> str:
    """Return whom a package may be given to."""
    return {
        Redistribution.ALLOWED: "This image may be given to anybody.",
        Redistribution.PARTNERS: "This image may be given to partner facilities only.",
        Redistribution.FORBIDDEN: "This image may not leave the facility.",
    }[value]


def features(runtime: Runtime) -> tuple[str, ...]:
    """Return what the package can beyond a command: the words of the catalogue's filters."""
    have = {
        "GPU": runtime.gpu is not Need.NONE,
        "MPI": runtime.mpi,
        "Desktop": runtime.desktop is not None,
        "Notebook": runtime.jupyter is not None,
    }
    return tuple(name for name, has in have.items() if has)


def needs(runtime: Runtime) -> tuple[tuple[str, str], ...]:
    """Return what a typical run needs, as pairs of a thing and how much of it."""
    pairs = [("Processors", str(runtime.cpus))]
    if runtime.memory is not None:
        pairs.append(("Memory", memory(runtime.memory)))
    if runtime.time is not None:
        pairs.append(("Time", minutes(runtime.time)))
    if runtime.gpu is not Need.NONE:
        pairs.append(
            ("GPU", "used if there is one" if runtime.gpu is Need.OPTIONAL else "required")
        )
    if runtime.mpi:
        pairs.append(("MPI", "runs over several nodes"))
    return tuple(pairs)


def memory(mebibytes: int) -> str:
    """Return an amount of memory: `512 MiB`, `4 GiB`."""
    if mebibytes < 1024:
        return f"{mebibytes} MiB"
    return f"{mebibytes / 1024:.1f}".removesuffix(".0") + " GiB"


def minutes(value: int) -> str:
    """Return a time: `10 min`, `24 h`, `1 h 30 min`."""
    hours, rest = divmod(value, 60)
    parts = ([f"{hours} h"] if hours else []) + ([f"{rest} min"] if rest else [])
    return " ".join(parts)


def test_kind(kind: TestKind) -> str:
    """Return what a test looked at."""
    return {
        TestKind.COMMAND: "command",
        TestKind.IMPORT: "Python import",
        TestKind.GUI: "window",
        TestKind.NOTEBOOK: "notebook",
        TestKind.GPU: "GPU",
        TestKind.MPI: "MPI",
        TestKind.SMOKE: "starts",
    }[kind]


test_kind.__test__ = False  # type: ignore[attr-defined]  # no test, whatever pytest thinks


def test_outcome(test: PublishedTest) -> str:
    """Return how a test went."""
    return {True: "passed", False: "failed", None: "not run"}[test.passed]


test_outcome.__test__ = False  # type: ignore[attr-defined]


def tests_passed(entry: CatalogEntry) -> str:
    """Return how many of an entry's tests passed."""
    total = len(entry.tests)
    passed = sum(test.passed is True for test in entry.tests)
    if not total:
        return "none were run"
    missed = sum(test.passed is None for test in entry.tests)
    return f"{passed} of {total} passed" + (f", {missed} not run" if missed else "")


_OUTCOMES = {
    "refused": "no",
    "waived": "no, waived",
    "warned": "warning",
    "passed": "yes",
    "not-applicable": "not asked",
}
"""A rule's outcome in words, in the order in which a reader wants to know of them."""


def outcome(word: str) -> str:
    """Return how a rule answered; a word of a later policy stays as it is."""
    return _OUTCOMES.get(word, word)


def answered(findings: Sequence[PublishedFinding]) -> tuple[PublishedFinding, ...]:
    """Return the answers of the rules that were asked, what is unusual first."""
    order = list(_OUTCOMES)
    asked = [finding for finding in findings if finding.outcome != "not-applicable"]
    return tuple(sorted(asked, key=lambda f: order.index(f.outcome) if f.outcome in order else -1))


def unasked(findings: Sequence[PublishedFinding]) -> tuple[PublishedFinding, ...]:
    """Return the rules that had nothing to say."""
    return tuple(finding for finding in findings if finding.outcome == "not-applicable")


def waived(findings: Sequence[PublishedFinding]) -> tuple[PublishedFinding, ...]:
    """Return the answers that a waiver lets pass."""
    return tuple(finding for finding in findings if finding.outcome == "waived")


def paragraphs(text: str) -> tuple[str, ...]:
    """Return the paragraphs of a text; empty lines part them."""
    return tuple(part.strip() for part in re.split(r"\n\s*\n", text) if part.strip())


def plain(text: str) -> str:
    """Return a text without characters that hide or reorder others."""
    return "".join(
        c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    )
