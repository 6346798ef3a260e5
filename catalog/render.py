# SPDX-License-Identifier: BSD-3-Clause
"""Entries to the files of a static web site that works from a file:// URL and asks no other host.

    index.html                    all packages, searched and filtered in the browser
    index.json                    the same for programs
    packages/<name>/index.html    a page per package
    packages/<name>/entry.json    its newest entry
    static/                       the style sheet, the search and its data

Same entries, same bytes.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from catalog import pages, panet, words
from catalog.entry import CatalogEntry, entry_path, write_entry
from catalog.held import HeldPackage, held_json
from catalog.retired import RetiredPackage, retired_json
from catalog.search import haystack
from catalog.spelling import time_text
from catalog.standing import in_standing
from core.canonical import Json, canonical_json, readable_json
from core.files import atomic_folder

SCHEMA = 1
_STATIC = Path(__file__).with_name("static")
_STATIC_FILES = ("site.css", "site.js", "search.js")

Site = dict[str, bytes]
"""The files of a site by their path in it."""


@dataclass(frozen=True, slots=True)
class About:
    """What every page says of where it comes from: the repository, its revision, the time."""

    fqrn: str
    revision: str | None
    generated_at: str | None


@dataclass(frozen=True, slots=True)
class Package:
    """All published versions of a package; the page is about the first, which stands for it."""

    name: str
    versions: tuple[CatalogEntry, ...]

    @property
    def current(self) -> CatalogEntry:
        """Return the version that users get."""
        return self.versions[0]

    def is_retired(self, out: Container[tuple[str, str]]) -> bool:
        """Return whether all its versions are among those that are out of use."""
        return all((entry.name, entry.version) in out for entry in self.versions)

    @property
    def page(self) -> str:
        """Return the path of its page in the site."""
        return f"packages/{self.name}/index.html"


@dataclass(frozen=True, slots=True)
class Facet:
    """One filter of the index: its name, its word for people, and how many packages each value has."""

    key: str
    label: str
    values: tuple[tuple[str, int], ...]


def render(
    entries: Iterable[CatalogEntry],
    target: Path,
    *,
    fqrn: str,
    revision: int | str | None = None,
    generated_at: datetime | None = None,
    held: Sequence[HeldPackage] = (),
    retired: Sequence[RetiredPackage] = (),
) -> Site:
    """Write the site into a folder, replacing one that is there as a whole, and return its files.

    The arguments are those of `site_of`.
    """
    site = site_of(
        entries,
        fqrn=fqrn,
        revision=revision,
        generated_at=generated_at,
        held=held,
        retired=retired,
    )
    with atomic_folder(target) as folder:
        for path, content in site.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return site


def site_of(
    entries: Iterable[CatalogEntry],
    *,
    fqrn: str,
    revision: int | str | None = None,
    generated_at: datetime | None = None,
    held: Sequence[HeldPackage] = (),
    retired: Sequence[RetiredPackage] = (),
) -> Site:
    """Return the files of the site.

    Args:
        entries: what is published; one entry per version and channel.
        fqrn: the name of the repository.
        revision: the repository's revision that the site shows, where there is one.
        generated_at: the time that the pages give, with its time zone; by default that of the
            newest entry, so that the same entries are the same bytes.
        held: packages that are told of and not distributed.
        retired: versions that are out of use; those of them that are published keep their pages.
    """
    out = {item.key: item for item in retired}
    every = _packages(entries, out)
    packages = tuple(package for package in every if not package.is_retired(out))
    about = About(fqrn, None if revision is None else str(revision), _time(packages, generated_at))
    site: Site = {
        "index.html": pages.page(
            "index.html",
            about=about,
            packages=packages,
            held=sorted(held, key=lambda item: item.name),
            retired=sorted(retired, key=lambda item: item.key),
            pages={package.name: package.page for package in every},
            channels=sorted({e.channel.value for p in packages for e in p.versions}) or ["testing"],
            facets=_facets(packages),
            root="",
        ),
        "index.json": readable_json(_index(packages, held, retired, about)).encode("utf-8"),
        "static/search-data.js": _search_data(packages),
    }
    for package in every:
        site[package.page] = _package_page(package, every, out, about)
        site[f"packages/{package.name}/entry.json"] = write_entry(package.current)
    for name in _STATIC_FILES:
        site[f"static/{name}"] = (_STATIC / name).read_bytes()
    return dict(sorted(site.items()))


def _time(packages: tuple[Package, ...], given: datetime | None) -> str | None:
    if given is not None:
        return time_text(given)
    return max((package.current.published for package in packages), default=None)


_Out = Mapping[tuple[str, str], RetiredPackage]  # by name and version


def _packages(entries: Iterable[CatalogEntry], out: _Out) -> tuple[Package, ...]:
    """Return all packages by name; of each the versions that are in use come first."""
    by_name: dict[str, list[CatalogEntry]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
    return tuple(Package(name, _in_use_first(by_name[name], out)) for name in sorted(by_name))


def _in_use_first(versions: Iterable[CatalogEntry], out: _Out) -> tuple[CatalogEntry, ...]:
    return tuple(sorted(in_standing(versions), key=lambda e: (e.name, e.version) in out))


def _package_page(
    package: Package, packages: tuple[Package, ...], out: _Out, about: About
) -> bytes:
    entry = package.current
    gone = out.get((entry.name, entry.version))
    replaced_by = gone.replaced_by if gone else entry.replaced_by
    known = {other.name for other in packages}
    return pages.page(
        "package.html",
        about=about,
        package=package,
        entry=entry,
        root="../../",
        runs=[(command.name, shlex.join(command.run)) for command in entry.commands],
        example=entry.commands[0].name if entry.commands else None,
        example_run=shlex.join(entry.commands[0].run) if entry.commands else "sh",
        retired=gone,
        replaced_by=replaced_by,
        successor=replaced_by if replaced_by in known else None,
    )


def _facets(packages: tuple[Package, ...]) -> tuple[Facet, ...]:
    values: dict[str, Counter[str]] = {key: Counter() for key in _FACET_LABELS}
    for package in packages:
        for key, found in _facet_values(package).items():
            values[key].update(found)
    return tuple(
        Facet(key, label, tuple(sorted(values[key].items(), key=lambda pair: pair[0].lower())))
        for key, label in _FACET_LABELS.items()
        if values[key]
    )


_FACET_LABELS = {
    "technique": "Technique",
    "facility": "Facility",
    "feature": "Works with",
    "channel": "Channel",
}


def _facet_values(package: Package) -> dict[str, list[str]]:
    entry = package.current
    return {
        "technique": [words.plain(panet.label(iri)) for iri in entry.techniques],
        "facility": [words.plain(facility) for facility in entry.facilities],
        "feature": list(words.features(entry.runtime)),
        "channel": sorted({version.channel.value for version in package.versions}),
    }


def _search_data(packages: tuple[Package, ...]) -> bytes:
    """Return the script that gives the page what to search in; a fetch would fail from file://."""
    table: list[Json] = []
    for package in packages:
        hay = haystack(package.current)
        row: dict[str, Json] = {"name": package.name, "names": [*hay.names], "text": hay.text}
        for key, found in _facet_values(package).items():
            row[key] = [*found]
        table.append(row)
    # '<' is written as an escape, so that the text is harmless even if it is put into a page
    text = canonical_json(table).decode("utf-8").replace("<", "\\u003c")
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"window.pansoftPackages = {text};\n".encode()


def _index(
    packages: tuple[Package, ...],
    held: Sequence[HeldPackage],
    retired: Sequence[RetiredPackage],
    about: About,
) -> dict[str, Json]:
    return {
        "schema": SCHEMA,
        "fqrn": about.fqrn,
        "revision": about.revision,
        "generated_at": about.generated_at,
        "packages": [_index_row(package) for package in packages],
        "held": held_json(held),
        "retired": retired_json(retired),
    }


def _index_row(package: Package) -> dict[str, Json]:
    entry = package.current
    return {
        "name": entry.name,
        "version": entry.version,
        "channel": entry.channel.value,
        "title": entry.title,
        "summary": entry.summary,
        "license": entry.license.spdx,
        "redistribution": entry.license.redistribution.value,
        "commands": [command.name for command in entry.commands],
        "techniques": list(entry.techniques),
        "facilities": list(entry.facilities),
        "features": list(words.features(entry.runtime)),
        "size": entry.size,
        "delta_size": entry.image.delta_size,
        "signer": entry.signer.fingerprint,
        "tests_passed": sum(test.passed is True for test in entry.tests),
        "tests": len(entry.tests),
        "accepted": entry.verdict.accepted,
        "published": entry.published,
        "image": entry.runs,
        "entry": entry_path(entry.name, entry.version),
        "page": package.page,
        "versions": [
            {"version": v.version, "channel": v.channel.value, "published": v.published}
            for v in package.versions
        ],
    }
