# SPDX-License-Identifier: BSD-3-Clause
"""The site's file: where it is, what it says, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.inputs.locations import Location, LocationKind
from builder.inputs.site import SITE, BackendKind, RepositorySettings, Site, site_of
from builder.recipes.recipe import Limits
from core.errors import InvalidInput, UserError
from core.schema import manual

GOOD = "schema: 1\ninputs:\n  - archive: https://a.example/inputs\n  - debian: http://b.example/d\n"
LOCATIONS = (
    Location(LocationKind.ARCHIVE, "https://a.example/inputs"),
    Location(LocationKind.DEBIAN, "http://b.example/d"),
)


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PANSOFT_SITE", raising=False)


def test_a_site_without_a_file_adds_nothing(tmp_path: Path) -> None:
    assert site_of(tmp_path) == Site()


def test_the_file_lies_in_the_state(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(GOOD)

    assert site_of(tmp_path).locations == LOCATIONS


def test_what_builds_may_take_is_named_by_part(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("schema: 1\nlimits: {memory: 4096}\n")

    assert Limits(time=90, memory=8192, disk=10).capped(site_of(tmp_path).ceiling) == (
        Limits(time=90, memory=4096, disk=10)
    )


def test_a_variable_names_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site.yaml").write_text("schema: 1\n")
    (tmp_path / "ours.yaml").write_text(GOOD)
    monkeypatch.setenv("PANSOFT_SITE", str(tmp_path / "ours.yaml"))

    assert site_of(tmp_path).locations == LOCATIONS


def test_a_variable_that_names_no_file_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANSOFT_SITE", str(tmp_path / "gone.yaml"))

    with pytest.raises(UserError, match=r"gone\.yaml, which is not a file"):
        site_of(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("inputs: []\n", "schema-required", id="no schema"),
        pytest.param("schema: 1\nmirror: x\n", "2:1: schema-unknown", id="unknown field"),
        pytest.param("schema: 1\ninputs: [{ftp: x}]\n", "2:11: schema-unknown", id="kind"),
        pytest.param("schema: 1\ninputs: [{archive: x}]\n", "2:20: schema-pattern", id="address"),
        pytest.param("schema: 1\ninputs:\n  - {}\n", "3:5: site-location: a loc", id="empty"),
        pytest.param(
            "schema: 1\ninputs:\n  - archive: http://a\n    debian: http://b\n",
            "3:5: site-location: a location is one of",
            id="two at once",
        ),
        pytest.param(
            "schema: 1\ninputs:\n  - folder: /no/such/folder\n",
            "3:5: site-location: there is no folder",
            id="no such folder",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "site.yaml").write_text(text)

    with pytest.raises(InvalidInput) as wrong:
        site_of(tmp_path)

    assert problem in str(wrong.value.problems[0])


def test_every_field_is_described() -> None:
    assert "input archive" in manual(SITE)


def test_where_the_repository_is_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(
        "schema: 1\n"
        "repository: {storage: 's3://software/cvmfs/a.example', endpoint: 'https://s3.example', wait: 5}\n"
    )

    assert site_of(tmp_path).repository == RepositorySettings(
        storage="s3://software/cvmfs/a.example", endpoint="https://s3.example", wait_s=300.0
    )


@pytest.mark.parametrize("storage", ["relative/folder", "s3://", "s3://UPPER/x", "http://a/b"])
def test_a_repository_is_in_a_folder_or_a_bucket(storage: str, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(f"schema: 1\nrepository: {{storage: '{storage}'}}\n")

    with pytest.raises(InvalidInput) as refused:
        site_of(tmp_path)

    assert [problem.field for problem in refused.value.problems] == ["repository.storage"]


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        (
            "backend: cvmfs_server",
            [f"the backend cvmfs_server needs the field '{name}'"
             for name in ("name", "stratum0", "public_key")],
        ),
        (
            "backend: gateway, name: a.b, stratum0: /srv/a.b, public_key: /k",
            ["the backend gateway needs the field 'gateway'"],
        ),
        ("mounts: /cvmfs", ["the backend native has no use for the field 'mounts'"]),
        (
            "backend: cvmfs_server, name: a.b, stratum0: /srv/a.b, public_key: /k, storage: /x",
            ["the backend cvmfs_server has no use for the field 'storage'"],
        ),
    ],
    ids=["nothing said", "no gateway", "a mount of our own", "a storage of theirs"],
)  # fmt: skip
def test_a_backend_has_its_fields_and_no_others(
    fields: str, faults: list[str], tmp_path: Path
) -> None:
    (tmp_path / "site.yaml").write_text(f"schema: 1\nrepository: {{{fields}}}\n")

    with pytest.raises(InvalidInput) as refused:
        site_of(tmp_path)

    assert [problem.message for problem in refused.value.problems] == faults


def test_a_facilitys_repository_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(
        "schema: 1\n"
        "repository: {backend: gateway, name: a.b.c, stratum0: 'http://a/cvmfs/a.b.c', "
        "public_key: /k.pub, gateway: 'http://a:4929/api/v1'}\n"
    )

    assert site_of(tmp_path).repository == RepositorySettings(
        backend=BackendKind.GATEWAY,
        name="a.b.c",
        stratum0="http://a/cvmfs/a.b.c",
        public_key="/k.pub",
        gateway="http://a:4929/api/v1",
    )
