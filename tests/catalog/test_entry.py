# SPDX-License-Identifier: BSD-3-Clause
"""An entry is made from what was built, written as JSON, and read back strictly."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from builder.recipes.recipe import (
    Build,
    Channel,
    Command,
    License,
    Maintainer,
    Recipe,
    Redistribution,
    Release,
    Test,
    TestKind,
)
from builder.stages import (
    Fingerprint,
    Image,
    PlanId,
    SignedImage,
    TestOutcome,
    TestReport,
    TestResult,
)
from catalog.entry import (
    CatalogEntry,
    PolicyVersion,
    PublishedVerdict,
    entry_of,
    entry_path,
    faults_of,
    read_entry,
    write_entry,
)
from core.errors import InvalidInput
from tests.catalog import samples
from tests.catalog.golden import same_as_golden

FILE = Path("images/hdf5-tools/1.10.8/entry.json")

RECIPE = Recipe(
    folder=Path("recipes/hdf5-tools"),
    name="hdf5-tools",
    version="1.10.8",
    title="HDF5 tools",
    summary="Look into HDF5 files",
    description="The tools.",
    homepage="https://www.hdfgroup.org",
    license=License("BSD-3-Clause", Redistribution.ALLOWED),
    maintainers=(Maintainer("Ada Beam"),),
    base="debian-12",
    build=Build(apt=("hdf5-tools",)),
    tests=(Test("prints", TestKind.COMMAND, "h5dump --version"),),
    commands=(Command("h5dump", ("h5dump",)),),
    release=Release(Channel.TESTING, supported_until="2027-12-31"),
)
IMAGE = Image(
    PlanId("4f" * 32), "hdf5-tools", "1.10.8", "debian-12", Path("x.sif"), "a0" * 32, 900, 100
)
SIGNED = SignedImage(IMAGE, Path("x.sif"), "a1" * 32, 1000, Fingerprint("8FD3" * 10), "Office")
REPORT = TestReport(
    IMAGE.plan,
    "hdf5-tools",
    "1.10.8",
    "a0" * 32,
    (TestResult("prints", TestKind.COMMAND, TestOutcome.PASSED, 0.41234, "1.10.8"),),
)


def made(**changes: Any) -> CatalogEntry:
    """Return the entry of the image above, made with other arguments where `changes` says so."""
    arguments: dict[str, Any] = {
        "recipe": RECIPE,
        "signed": SIGNED,
        "report": REPORT,
        "policy": PolicyVersion("1", "c3" * 32),
        "verdict": PublishedVerdict(accepted=True),
        "published": datetime(2026, 3, 2, 10, 30, tzinfo=timezone(timedelta(hours=1))),
        "fqrn": samples.FQRN,
        **changes,
    }
    recipe, signed, report = (arguments.pop(name) for name in ("recipe", "signed", "report"))
    return entry_of(recipe, signed, report, **arguments)


def test_an_entry_holds_the_facts_of_the_signed_image() -> None:
    entry = made()

    assert entry.image.path == "images/hdf5-tools/1.10.8/hdf5-tools.sif"
    assert (entry.image.sha256, entry.image.size, entry.image.delta_size) == ("a1" * 32, 1000, 100)
    assert entry.signer.name == "Office"
    assert entry.published == "2026-03-02T09:30:00Z"
    assert entry.tests[0].seconds == 0.412
    assert entry.channel is Channel.TESTING
    assert entry.supported_until == "2027-12-31"


def test_the_channel_may_be_another_than_the_recipes() -> None:
    assert made(channel=Channel.STABLE).channel is Channel.STABLE


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"recipe": replace(RECIPE, version="1.12")}, id="another version"),
        pytest.param({"recipe": replace(RECIPE, name="hdf4")}, id="another package"),
        pytest.param(
            {"report": replace(REPORT, image_sha256="00" * 32)}, id="tests of another image"
        ),
        pytest.param({"fqrn": "../etc"}, id="no repository's name"),
        pytest.param({"recipe": replace(RECIPE, homepage="javascript:alert(1)")}, id="no link"),
    ],
)
def test_things_that_do_not_fit_make_no_entry(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        made(**changes)


def test_an_entry_is_written_like_the_golden_one() -> None:
    assert same_as_golden("entry.json", write_entry(samples.pyfai()))


@pytest.mark.parametrize("entry", samples.everything(), ids=lambda entry: entry.name)
def test_what_is_written_is_read_back_the_same(entry: CatalogEntry) -> None:
    content = write_entry(entry)

    assert read_entry(content, file=FILE) == entry
    assert write_entry(read_entry(content, file=FILE)) == content


def test_the_entry_lies_beside_the_image() -> None:
    assert entry_path("hdf5-tools", "1.10.8") == str(FILE)
    assert samples.entry().folder == str(FILE.parent)


def _changed(path: str, value: object) -> bytes:
    document = json.loads(write_entry(samples.entry()))
    *way, last = path.split(".")
    place: Any = document
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return json.dumps(document).encode()


WRONG = {
    "no schema": ("schema", ..., "schema is None; this program reads 1"),
    "a newer schema": ("schema", 2, "schema is 2; this program reads 1"),
    "a schema that is true": ("schema", True, "schema must be a whole number"),
    "a field missing": ("title", ..., "title is missing"),
    "an unknown field": ("colour", "red", "colour is not a known field"),
    "an unknown field inside": ("image.colour", "red", "image.colour is not a known field"),
    "a number for text": ("title", 5, "title must be text"),
    "text for a number": ("image.size", "5", "image.size must be a whole number"),
    "true for a number": ("image.size", True, "image.size must be a whole number"),
    "a number for true": ("verdict.accepted", 1, "verdict.accepted must be true or false"),
    "text for a list": ("commands", "h5dump", "commands must be a list"),
    "a list for an object": ("image", [], "image must be an object"),
    "null where it has no meaning": ("summary", None, "summary must be text"),
    "an unknown channel": ("channel", "beta", "channel must be one of testing, stable"),
    "a pair of one": ("environment.0", ["A"], "environment.0 must have 2 items"),
    "a command that is a path": (
        "commands.0.name",
        "../../x",
        "commands.0.name '../../x' is not a command's name",
    ),
    "a command that runs nothing": (
        "commands.0.run",
        [],
        "commands.0.run is not a program with arguments",
    ),
    "an image elsewhere": (
        "image.path",
        "/etc/passwd",
        "image.path is not images/hdf5-tools/1.10.8/hdf5-tools.sif",
    ),
    "more new bytes than bytes": (
        "image.delta_size",
        10**12,
        "image.delta_size is not between 0 and the image's size",
    ),
    "a short hash": ("plan", "4f", "plan '4f' is not a sha256"),
    "a fingerprint in small letters": (
        "signer.fingerprint",
        "8fd3" * 10,
        f"signer.fingerprint '{'8fd3' * 10}' is not a fingerprint",
    ),
    "a script for a link": (
        "homepage",
        "javascript:alert(1)",
        "homepage 'javascript:alert(1)' is not a link that begins with http:// or https://",
    ),
    "a local time": (
        "published",
        "2026-03-02 09:30",
        "published '2026-03-02 09:30' is not a time like 2026-01-31T12:00:00Z",
    ),
}


@pytest.mark.parametrize(("path", "value", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_entry_is_refused_with_the_place(path: str, value: object, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_entry(_changed(path, value), file=FILE)

    assert f"{FILE}:1:1: entry-schema: {said}" in [
        str(problem) for problem in caught.value.problems
    ]


def test_a_name_that_leaves_its_folder_is_refused() -> None:
    with pytest.raises(InvalidInput):
        read_entry(_changed("name", "../x"), file=FILE)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"\xff{}", id="not UTF-8"),
        pytest.param(b'{"schema": 1, "schema": 1}', id="a key twice"),
        pytest.param(b'{"schema": NaN}', id="NaN"),
        pytest.param(b"[" * 100_000, id="nested without end"),
        pytest.param(b" " * (1024 * 1024 + 1), id="too large"),
        pytest.param(write_entry(samples.entry())[:-20], id="cut off"),
    ],
)
def test_garbage_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_entry(content, file=FILE)


def test_all_faults_are_found_at_once() -> None:
    content = _changed("title", 5).replace(b'"base": "debian-12"', b'"base": 12')

    with pytest.raises(InvalidInput) as caught:
        read_entry(content, file=FILE)

    assert [problem.field for problem in caught.value.problems] == ["base", "title"]


def test_a_sound_entry_has_no_faults() -> None:
    assert [list(faults_of(entry)) for entry in samples.everything()] == [[], [], [], []]


def test_times_are_utc() -> None:
    assert made(published=datetime(2026, 1, 1, tzinfo=UTC)).published == "2026-01-01T00:00:00Z"
