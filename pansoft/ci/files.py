# SPDX-License-Identifier: BSD-3-Clause
"""The files that GitLab shows on a merge request in its own widgets, beside the note.

note.md                 the note, to read or to paste
junit.xml               every test                      artifacts:reports:junit
gl-code-quality.json    problems of the recipes         artifacts:reports:codequality
metrics.txt             sizes and times, OpenMetrics    artifacts:reports:metrics
gl-sbom-NAME.cdx.json   what is in each image           artifacts:reports:cyclonedx
report.env              verdict and revision, for later jobs   artifacts:reports:dotenv
screenshots/            what graphical tests saw
packages.json           what is known of the packages, for other jobs
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from builder.testing import reports as test_reports
from core import reports
from core.files import copy_atomic, write_atomic
from core.problems import Problem
from pansoft.ci import kept
from pansoft.ci.gathering import Gathered, Told
from pansoft.ci.job import Job
from pansoft.ci.note import Note, PackageNote, Picture, Standing, render

NOTE = "note.md"
SCREENSHOTS = "screenshots"
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]")


def write(
    gathered: Gathered, problems: Sequence[Problem], folder: Path, *, job: Job, root: Path
) -> Note:
    """Write all files into a folder and return the note; what an earlier report left there goes.

    Args:
        gathered: the packages.
        problems: of their recipes.
        folder: is made where it is not there.
        job: in which this is done, whose artifacts the files will be.
        root: the project, from which on paths are shown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("gl-sbom-*.cdx.json"):
        old.unlink()
    shutil.rmtree(folder / SCREENSHOTS, ignore_errors=True)
    note = note_of(gathered, folder, job=job)
    tested = [told.report for told in gathered.told if told.report is not None]
    quality = reports.render(problems, reports.Format.GITLAB, root=root)
    write_atomic(folder / NOTE, render(note))
    write_atomic(folder / "junit.xml", test_reports.as_junit(*tested))
    write_atomic(folder / "gl-code-quality.json", quality)
    write_atomic(folder / "metrics.txt", metrics(note))
    revision = gathered.run.revision if gathered.run else None
    write_atomic(folder / "report.env", variables(note, revision))
    write_atomic(folder / kept.FILE, kept.keep(note.packages, note.preview))
    for told in gathered.told:
        if told.bill is not None:
            copy_atomic(told.bill, folder / f"gl-sbom-{_stem(told)}.cdx.json")
    return note


def note_of(gathered: Gathered, folder: Path, *, job: Job) -> Note:
    """Return the note, its pictures copied into the folder."""
    packages = tuple(
        replace(told.package, pictures=(*told.package.pictures, *_pictures(told, folder, job)))
        for told in gathered.told
    )
    run = gathered.run
    return Note(
        packages,
        others=gathered.others,
        stored=run.stored if run else None,
        seconds=run.seconds if run else None,
        commit=job.commit,
        pipeline=job.pipeline_link,
        merge_request=job.merge_request,
        began=run.began if run else None,
        preview=gathered.preview,
    )


def _pictures(told: Told, folder: Path, job: Job) -> Iterator[Picture]:
    for number, file in enumerate(told.pictures, 1):
        name = f"{_stem(told)}-{number}-{_UNSAFE.sub('_', file.stem)[:60]}.png"
        copy_atomic(file, folder / SCREENSHOTS / name)
        yield Picture(file.name, _link(folder / SCREENSHOTS / name, job))


def _link(file: Path, job: Job) -> str | None:
    """Return where GitLab shows a file of the job's artifacts; None where it will be none."""
    if job.link is None or job.folder is None:
        return None
    place, checkout = file.resolve(), job.folder.resolve()
    if not place.is_relative_to(checkout):
        return None
    return f"{job.link}/artifacts/file/{quote(place.relative_to(checkout).as_posix())}"


def _stem(told: Told) -> str:
    package = told.package
    return _UNSAFE.sub("_", f"{package.name}-{package.version}")


_FAMILIES: tuple[tuple[str, str, str], ...] = (
    ("size", "pansoft_image_bytes", "Size of the image."),
    ("new_bytes", "pansoft_new_bytes", "What the image adds to its base."),
    ("build_seconds", "pansoft_build_seconds", "What the build took."),
    ("start_seconds", "pansoft_start_seconds", "Within how long it starts: its quickest test."),
    ("tests", "pansoft_tests", "Tests."),
    ("tests_passed", "pansoft_tests_passed", "Tests that passed."),
)
"""A field of a package, its name in OpenMetrics and what it is."""


def metrics(note: Note) -> str:
    """Return sizes and times in OpenMetrics; GitLab compares them with those of the target branch."""
    lines: list[str] = []
    names = _names(note.packages)
    for name, family, said in _FAMILIES:
        lines += [f"# TYPE {family} gauge", f"# HELP {family} {said}"]
        for label, package in names:
            value: int | float | None = getattr(package, name)
            if value is not None:
                lines.append(f'{family}{{package="{label}"}} {value}')
    lines += [
        "# TYPE pansoft_packages gauge",
        "# HELP pansoft_packages Packages, by how far they came.",
    ]
    lines += [f'pansoft_packages{{ended="{each}"}} {note.count(each)}' for each in Standing]
    return "\n".join([*lines, "# EOF", ""])


def _names(packages: Sequence[PackageNote]) -> list[tuple[str, PackageNote]]:
    """Return packages with a label for each: the name alone, so that two versions are compared.

    Only of several versions at once each has its version in the label.
    """
    count = Counter(package.name for package in packages)
    labels = [
        package.name if count[package.name] == 1 else f"{package.name}-{package.version}"
        for package in packages
    ]
    named = zip((_UNSAFE.sub("_", label) for label in labels), packages, strict=True)
    return sorted(named, key=lambda pair: pair[0])


def variables(note: Note, revision: int | None) -> str:
    """Return the verdict as variables for later jobs, and the revision that a run of `apply` ended with."""
    values: dict[str, object] = {
        "PANSOFT_VERDICT": note.standing.value,
        "PANSOFT_PACKAGES": len(note.packages),
        **{f"PANSOFT_{each.name}": note.count(each) for each in Standing},
    }
    if note.stored is not None:
        values["PANSOFT_NEW_BYTES"] = note.stored
    if revision is not None:
        values["PANSOFT_REVISION"] = revision
    return "".join(f"{name}={value}\n" for name, value in values.items())
