# SPDX-License-Identifier: BSD-3-Clause
"""What the form of an issue asks for, read as what a stranger wrote.

The form is `.gitlab/issue_templates/Package request.md`: a marker in its first line, headings, and below each
what is asked for. What is not needed may be empty. Comments are left out, as GitLab shows none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TypeVar

from packaging.utils import canonicalize_name

from builder.recipes.folders import BASES
from builder.recipes.schema import CITATION, NAME, WEB_URL
from catalog import words
from core.canonical import canonical_json

MARKER = "<!-- pansoft:package-request -->"
MARK = "pansoft:package-request"
"""The part of the marker by which an issue is searched for."""
TEMPLATE = ".gitlab/issue_templates/Package request.md"

WHERE, NAME_THERE, VERSION, SUMMARY = "Where it is", "Name", "Version", "Summary"
PURPOSE, TEST, HOMEPAGE, CITED = "Purpose", "Test", "Home page", "Citation"
HEADINGS = (WHERE, NAME_THERE, VERSION, SUMMARY, PURPOSE, TEST, HOMEPAGE, CITED)

LONGEST = 20_000
"""Characters of a form."""
LONGEST_SUMMARY, LONGEST_TEXT, LONGEST_LINK, LONGEST_NAME = 160, 2000, 300, 64
_SHORTEST_TEST = 20

# A name is a name: it begins no option, has no folder, and no address or version stands behind it.
_PROJECT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_DEBIAN = re.compile(r"[a-z0-9][a-z0-9+.-]+")
# PEP 440 without local versions, which no index has
_RELEASE = re.compile(r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?")
_UPSTREAM = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~_-]*")
_DOI = re.compile(r"10\.[0-9]{4,9}/[!-~]+")
_HEADING = re.compile(r"### +(\S.*?)\s*")
_CHOICE = re.compile(r"[-*] \[([ xX])\] (\S.*?)\s*")
_T = TypeVar("_T")


class Origin(StrEnum):
    """Where a package comes from; the value is what the form calls it."""

    PYPI = "Python Package Index (PyPI)"
    DEBIAN = "Debian"


@dataclass(frozen=True, slots=True)
class Form:
    """What is asked for: what stands here fits its pattern, and texts have no control characters.

    `project` is the name there, as Python indexes normalise it; where a text is None, what the authors of the
    package say is taken, and without a version the newest.
    """

    origin: Origin
    project: str
    version: str | None
    summary: str | None
    purpose: str | None
    test: str
    homepage: str | None
    citation: str | None

    @property
    def name(self) -> str:
        """Return the name that the package gets."""
        return self.project

    @property
    def digest(self) -> str:
        """Return the sha256 of what is asked for: it differs where something else is."""
        return hashlib.sha256(canonical_json({"form": 1, **asdict(self)})).hexdigest()


@dataclass(frozen=True, slots=True)
class Fault:
    """What has to be mended below a heading; `quoted` is what stands there, in a stranger's words."""

    heading: str
    said: str
    quoted: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A form, or what is wrong with it: all of it."""

    form: Form | None
    faults: tuple[Fault, ...]


class _Wrong(Exception):
    """What stands below a heading is not what belongs there."""

    def __init__(self, said: str, quoted: str = "") -> None:
        super().__init__(said)
        self.said = said
        self.quoted = quoted


def read(text: str) -> Reading:
    """Return what the text of an issue asks for, or what is wrong with it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        parts = _parts(_without_comments(_marked(text)))
    except _Wrong as wrong:
        return Reading(None, (Fault("", wrong.said, wrong.quoted),))
    faults: list[Fault] = []

    def below(heading: str, reader: Callable[[str], _T]) -> _T | None:
        try:
            return reader(parts[heading])
        except _Wrong as wrong:
            faults.append(Fault(heading, wrong.said, wrong.quoted))
            return None

    origin = below(WHERE, _origin)
    project = below(NAME_THERE, lambda said: _project(said, origin))
    version = below(VERSION, lambda said: _version(said, origin))
    summary = below(SUMMARY, lambda said: _free(_line(said), LONGEST_SUMMARY))
    purpose = below(PURPOSE, lambda said: _free(said, LONGEST_TEXT))
    test = below(TEST, _test)
    homepage = below(HOMEPAGE, _homepage)
    citation = below(CITED, _citation)
    if faults or origin is None or project is None or test is None:
        return Reading(None, tuple(faults))
    form = Form(origin, project, version, summary, purpose, test, homepage, citation)
    return Reading(form, ())


def _marked(text: str) -> str:
    """Return what stands below the marker."""
    if len(text) > LONGEST:
        raise _Wrong(f"the issue has more than {LONGEST} characters: it is not read")
    first, _, rest = text.lstrip("\n").partition("\n")
    if first.strip() != MARKER:
        raise _Wrong(
            f"its first line has to be the one that the template '{_template()}' begins with"
        )
    if MARK in rest:
        raise _Wrong("the form stands there more than once: ask for one package in an issue")
    return rest


def _without_comments(text: str) -> str:
    kept: list[str] = []
    place = 0
    while (begin := text.find("<!--", place)) >= 0:
        end = text.find("-->", begin + 4)
        if end < 0:
            raise _Wrong("a comment begins with <!-- and does not end")
        kept.append(text[place:begin])
        place = end + 3
    kept.append(text[place:])
    rest = "".join(kept)
    if "<!--" in rest or "-->" in rest:
        raise _Wrong("there are comments in comments")
    return rest


def _parts(text: str) -> Mapping[str, str]:
    """Return what stands below each heading; a line that is none of the form's is text."""
    found: dict[str, list[str]] = {}
    below: list[str] = []  # what stands before the first heading is nothing that is asked for
    for line in text.split("\n"):
        heading = _HEADING.fullmatch(line)
        if heading is not None and heading[1] in HEADINGS:
            if heading[1] in found:
                raise _Wrong(f"the heading '{heading[1]}' stands there twice")
            below = found[heading[1]] = []
        else:
            below.append(line)
    if missing := [each for each in HEADINGS if each not in found]:
        names = ", ".join(f"'{each}'" for each in missing)
        raise _Wrong(f"headings are missing, each a line that begins with ###: {names}")
    return {heading: "\n".join(lines).strip() for heading, lines in found.items()}


def _origin(said: str) -> Origin:
    lines = [match for line in said.split("\n") if (match := _CHOICE.fullmatch(line.strip()))]
    chosen = [match[2] for match in lines if match[1] != " "]
    known = {each.value: each for each in Origin}
    if len(chosen) != 1 or chosen[0] not in known:
        raise _Wrong("tick one of the two: an x between the brackets, [x]")
    return known[chosen[0]]


def _project(said: str, origin: Origin | None) -> str:
    word = _word(said)
    if not word:
        raise _Wrong("write the name of the project on PyPI, or of the Debian package")
    pattern = _DEBIAN if origin is Origin.DEBIAN else _PROJECT
    if len(word) > LONGEST_NAME or not pattern.fullmatch(word):
        raise _Wrong(
            f"this is no such name: letters, digits, '.', '+' and '-', at most {LONGEST_NAME}, and no "
            "address or version",
            word,
        )
    # 'foo.zip' would be a file to pip, and is the project 'foo-zip'
    name = word if origin is Origin.DEBIAN else canonicalize_name(word)
    if name == BASES or not re.fullmatch(NAME, name):
        raise _Wrong("a package cannot have this name here", word)
    return name


def _version(said: str, origin: Origin | None) -> str | None:
    word = _word(said)
    if not word:
        return None
    pattern = _UPSTREAM if origin is Origin.DEBIAN else _RELEASE
    if len(word) > LONGEST_NAME or not pattern.fullmatch(word):
        raise _Wrong("this is no version: write it as 1.2.3, or nothing for the newest", word)
    return word


def _test(said: str) -> str:
    text = _free(said, LONGEST_TEXT)
    if text is None or len(text) < _SHORTEST_TEST:
        raise _Wrong("say in a sentence or two what shows that it works: a reviewer needs it")
    return text


def _homepage(said: str) -> str | None:
    word = _word(said)
    if word and (len(word) > LONGEST_LINK or not re.fullmatch(WEB_URL, word)):
        raise _Wrong("this is no web address: https://… and nothing else", word)
    return word or None


def _citation(said: str) -> str | None:
    word = _word(said)
    if not word:
        return None
    doi = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:)", "", word)
    address = f"https://doi.org/{doi}"
    if len(doi) > LONGEST_LINK or not _DOI.fullmatch(doi) or not re.fullmatch(CITATION, address):
        raise _Wrong("this is no DOI: write it as 10.1107/S1600576715004306", word)
    return address


def _word(said: str) -> str:
    """Return what is there as one word; around it may be the signs that make code of it."""
    return said.strip().strip("`").strip()


def _line(said: str) -> str:
    if "\n" in said:
        raise _Wrong("write one line")
    return said


def _free(said: str, most: int) -> str | None:
    """Return a text without what is not seen or reorders others; None where there is none."""
    if len(said) > most:
        raise _Wrong(f"this has {len(said)} characters: at most {most}")
    lines = words.plain(said).replace("\t", " ").split("\n")
    text = "\n".join(
        "".join(each if each.isprintable() else " " for each in line).rstrip() for line in lines
    )
    return text.strip() or None


def _template() -> str:
    return TEMPLATE.rpartition("/")[2].removesuffix(".md")
