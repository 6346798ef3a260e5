# SPDX-License-Identifier: BSD-3-Clause
"""Fetching from a real server, with the faults that networks and mirrors have."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from builder.inputs.apt import DebianPackage
from builder.inputs.cache import InputCache
from builder.inputs.export import Exported, export
from builder.inputs.fetch import Fetched, fetch, locked_in
from builder.inputs.locations import Location, LocationKind, parse_location
from builder.inputs.lock import Input, PythonArtefact
from builder.recipes.recipe import Source, SourceKind
from core.console import Console
from core.errors import UserError
from tests.packages import index_page, wheel
from tests.servers import Cut, FileServer, Request, Status

pytestmark = pytest.mark.needs("apt-get")

BLOCK = 1 << 16  # what is kept of a cut transfer is whole blocks
CONTENT = bytes(range(256)) * 4000
PATH = "/debian/pool/main/p/plotter/plotter_1.0_amd64.deb"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def deb(content: bytes = CONTENT, name: str = "plotter") -> DebianPackage:
    path = f"pool/main/p/{name}/{name}_1.0_amd64.deb"
    return DebianPackage(name, "1.0", "amd64", path, len(content), sha256(content))


@pytest.fixture
def cache(tmp_path: Path) -> InputCache:
    return InputCache(tmp_path / "in puts")


def fetch_quietly(inputs: Sequence[Input], cache: InputCache, *further: Location) -> Fetched:
    return fetch(inputs, cache, console=Console(quiet=True), further=further)


def test_a_deb_comes_from_the_hosts_archive(host: FileServer, cache: InputCache) -> None:
    host.files[PATH] = CONTENT

    done = fetch_quietly([deb()], cache)

    assert done == Fetched(wanted=1, downloaded=1, bytes=len(CONTENT))
    assert cache.need(sha256(CONTENT), name="plotter").read_bytes() == CONTENT


def test_what_is_in_the_cache_is_not_asked_for_again(host: FileServer, cache: InputCache) -> None:
    host.files[PATH] = CONTENT
    fetch_quietly([deb()], cache)
    host.requests.clear()

    done = fetch_quietly([deb()], cache)

    assert done == Fetched(wanted=1, downloaded=0, bytes=0)
    assert host.requests == []


def test_a_transfer_that_is_cut_goes_on_where_it_was(host: FileServer, cache: InputCache) -> None:
    host.files[PATH] = CONTENT
    host.faults[PATH] = [Cut(after=4 * BLOCK + 7), Cut(after=3 * BLOCK)]

    fetch_quietly([deb()], cache)

    assert host.requests == [Request(PATH), Request(PATH, 4 * BLOCK), Request(PATH, 7 * BLOCK)]


def test_a_later_run_goes_on_where_a_killed_one_was(host: FileServer, cache: InputCache) -> None:
    host.files[PATH] = CONTENT
    part = cache.part(sha256(CONTENT))
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:700_000])

    fetch_quietly([deb()], cache)

    assert host.requests == [Request(PATH, 700_000)]
    assert not part.exists()


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"something else", id="other bytes"),
        pytest.param(b"x" * len(CONTENT), id="as long, but other bytes"),
        pytest.param(CONTENT + b"more", id="too long"),
    ],
)
def test_a_wrong_beginning_of_an_earlier_run_is_thrown_away(
    host: FileServer, cache: InputCache, beginning: bytes
) -> None:
    host.files[PATH] = CONTENT
    part = cache.part(sha256(CONTENT))
    part.parent.mkdir(parents=True)
    part.write_bytes(beginning)

    fetch_quietly([deb()], cache)

    assert cache.has(sha256(CONTENT))


def test_a_server_that_ignores_ranges_is_believed_from_the_beginning(
    host: FileServer, cache: InputCache
) -> None:
    host.ignores_range = True
    host.files[PATH] = CONTENT
    host.faults[PATH] = [Cut(after=4 * BLOCK)]

    fetch_quietly([deb()], cache)

    assert host.requests == [Request(PATH), Request(PATH, 4 * BLOCK)]
    assert cache.path(sha256(CONTENT)).read_bytes() == CONTENT


def test_a_server_in_trouble_is_asked_again(host: FileServer, cache: InputCache) -> None:
    host.files[PATH] = CONTENT
    host.faults[PATH] = [Status(503), Status(502)]

    fetch_quietly([deb()], cache)

    assert len(host.requests) == 3


def test_wrong_bytes_are_refused_with_both_hashes(host: FileServer, cache: InputCache) -> None:
    host.files[PATH] = b"evil"

    with pytest.raises(UserError) as refused:
        fetch_quietly([deb()], cache)

    assert refused.value.message == (
        "plotter_1.0_amd64.deb is not what the lock says: "
        f"expected sha256 {sha256(CONTENT)}, got {sha256(b'evil')}"
    )
    assert not cache.has(sha256(CONTENT))
    assert not cache.has(sha256(b"evil"))


def test_a_deb_that_is_gone_says_to_lock_again(host: FileServer, cache: InputCache) -> None:
    with pytest.raises(UserError) as gone:
        fetch_quietly([deb()], cache)

    assert gone.value.message == (
        "plotter_1.0_amd64.deb is not in any of the 1 places this host is configured to use"
    )
    assert "pansoft lock NAME" in str(gone.value.hint)


def test_every_failure_is_named_and_the_rest_is_fetched(
    host: FileServer, cache: InputCache
) -> None:
    host.files["/debian/pool/main/p/bad/bad_1.0_amd64.deb"] = b"evil"
    host.files[PATH] = CONTENT

    with pytest.raises(UserError) as failed:
        fetch_quietly([deb(b"1", "gone"), deb(b"2", "bad"), deb()], cache)

    assert failed.value.message.startswith("2 inputs could not be fetched")
    assert "gone_1.0_amd64.deb is not in any" in failed.value.message
    assert "bad_1.0_amd64.deb is not what the lock says" in failed.value.message
    assert cache.has(sha256(CONTENT))


@pytest.mark.parametrize(
    ("item", "path"),
    [
        pytest.param(deb(), PATH, id="archive"),
        pytest.param(
            PythonArtefact("gemmi", "1.0", "gemmi-1.0-py3-none-any.whl", sha256(CONTENT)),
            "/simple/gemmi/",
            id="index",
        ),
    ],
)
def test_no_message_holds_the_address_of_a_mirror(
    host: FileServer, cache: InputCache, item: Input, path: str
) -> None:
    host.faults[path] = [Status(403)]

    with pytest.raises(UserError) as failed:
        fetch_quietly([item], cache)

    assert failed.value.message.endswith("could not be downloaded (HTTPError)")
    assert "127.0.0.1" not in f"{failed.value.message} {failed.value.hint}"


def test_inputs_come_in_parallel(host: FileServer, cache: InputCache) -> None:
    inputs = [deb(str(number).encode(), f"p{number}") for number in range(4)]
    for number, item in enumerate(inputs):
        host.files[f"/debian/{item.path}"] = str(number).encode()
    host.gate = threading.Barrier(4)  # each request waits for three others

    done = fetch_quietly(inputs, cache)

    assert done.downloaded == 4


def test_two_fetches_at_once_ask_for_a_file_once(host: FileServer, cache: InputCache) -> None:
    host.files[PATH] = CONTENT
    threads = [threading.Thread(target=fetch_quietly, args=([deb()], cache)) for _ in range(3)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert host.requests == [Request(PATH)]


def test_an_archive_may_be_a_folder(host: FileServer, cache: InputCache, tmp_path: Path) -> None:
    file = tmp_path / "archive" / deb().path
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    sources = tmp_path / "host" / "sources.list"
    sources.write_text(f"deb [trusted=yes] file:{tmp_path}/archive bookworm main\n")

    fetch_quietly([deb()], cache)

    assert cache.has(sha256(CONTENT))
    assert file.exists()


class TestPython:
    """Wheels and sdists, from indexes and folders."""

    name, content = wheel("gemmi")
    item = PythonArtefact("gemmi", "1.0", name, sha256(content))

    def test_a_wheel_comes_from_the_index(self, host: FileServer, cache: InputCache) -> None:
        host.files["/simple/gemmi/"] = index_page({self.name: self.content})
        host.types["/simple/gemmi/"] = "text/html"
        host.files[f"/files/{self.name}"] = self.content

        fetch_quietly([self.item], cache)

        assert cache.has(self.item.sha256)

    def test_an_index_may_speak_json(self, host: FileServer, cache: InputCache) -> None:
        host.types["/simple/gemmi/"] = "application/vnd.pypi.simple.v1+json"
        host.files["/simple/gemmi/"] = (
            '{"meta": {"api-version": "1.0"}, "name": "gemmi", "files": [{"filename": '
            f'"{self.name}", "url": "../../files/{self.name}", '
            f'"hashes": {{"sha256": "{self.item.sha256}"}}}}]}}'
        ).encode()
        host.files[f"/files/{self.name}"] = self.content

        fetch_quietly([self.item], cache)

        assert cache.has(self.item.sha256)

    def test_another_index_is_asked_where_the_first_is_broken(
        self, host: FileServer, cache: InputCache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", host.url("/extra"))
        host.files["/simple/gemmi/"] = b"\x00 no page"
        host.types["/simple/gemmi/"] = "application/vnd.pypi.simple.v1+json"
        host.files["/extra/gemmi/"] = index_page({self.name: self.content})
        host.types["/extra/gemmi/"] = "text/html"
        host.files[f"/files/{self.name}"] = self.content

        fetch_quietly([self.item], cache)

        assert cache.has(self.item.sha256)

    def test_a_file_of_the_name_with_another_hash_is_passed_over(
        self, host: FileServer, cache: InputCache
    ) -> None:
        host.files["/simple/gemmi/"] = index_page({self.name: b"other"})
        host.types["/simple/gemmi/"] = "text/html"

        with pytest.raises(UserError, match="is in no index or archive") as gone:
            fetch_quietly([self.item], cache)

        assert gone.value.hint == "lock the recipe again with: pansoft lock NAME"

    def test_a_folder_of_wheels_is_a_place(
        self,
        host: FileServer,
        cache: InputCache,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        folder = tmp_path / "wheels"
        folder.mkdir()
        (folder / self.name).write_bytes(self.content)
        monkeypatch.setenv("PIP_FIND_LINKS", str(folder))

        fetch_quietly([self.item], cache)

        assert cache.has(self.item.sha256)
        assert host.requests == []
        assert (folder / self.name).exists()

    def test_a_page_of_links_is_a_place(
        self, host: FileServer, cache: InputCache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PIP_FIND_LINKS", host.url("/links.html"))
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        host.files["/links.html"] = index_page({self.name: self.content})
        host.types["/links.html"] = "text/html"
        host.files[f"/files/{self.name}"] = self.content

        fetch_quietly([self.item], cache)

        assert [request.path for request in host.requests] == [
            "/links.html", f"/files/{self.name}",
        ]  # fmt: skip

    @pytest.mark.parametrize("name", ["My-Tool-2.1.tar.gz", "my_tool-2.1.tar.gz"])
    def test_an_sdist_is_found_by_either_of_its_names(
        self, host: FileServer, cache: InputCache, name: str
    ) -> None:
        host.files["/simple/my-tool/"] = index_page({name: CONTENT})
        host.types["/simple/my-tool/"] = "text/html"
        host.files[f"/files/{name}"] = CONTENT

        fetch_quietly([Source(SourceKind.PYPI_SDIST, "My-Tool==2.1", sha256(CONTENT))], cache)

        assert cache.has(sha256(CONTENT))

    def test_a_wheel_that_is_a_source_is_found_by_its_name(
        self, host: FileServer, cache: InputCache
    ) -> None:
        name = "my_tool-2.1-py3-none-any.whl"
        host.files["/simple/my-tool/"] = index_page({name: CONTENT})
        host.types["/simple/my-tool/"] = "text/html"
        host.files[f"/files/{name}"] = CONTENT

        fetch_quietly([Source(SourceKind.PYPI_WHEEL, name, sha256(CONTENT))], cache)

        assert cache.has(sha256(CONTENT))


def test_a_source_comes_from_its_own_address(host: FileServer, cache: InputCache) -> None:
    host.files["/releases/tool-2.1.tar.gz"] = CONTENT
    location = host.url("/releases/tool-2.1.tar.gz")

    fetch_quietly([Source(SourceKind.URL, location, sha256(CONTENT))], cache)

    assert cache.has(sha256(CONTENT))


def test_a_source_that_is_gone_says_to_name_another_place(
    host: FileServer, cache: InputCache
) -> None:
    gone = Source(SourceKind.URL, host.url("/gone.tar.gz"), sha256(CONTENT))

    with pytest.raises(UserError, match=r"gone\.tar\.gz is not in any") as failed:
        fetch_quietly([gone], cache)

    assert failed.value.hint == "name another place of the same archive under build.sources"


def test_an_input_that_was_damaged_in_the_cache_is_fetched_again(
    host: FileServer, cache: InputCache
) -> None:
    host.files[PATH] = CONTENT
    fetch_quietly([deb()], cache)
    cache.path(sha256(CONTENT)).write_bytes(CONTENT[:-1] + b"?")
    said = io.StringIO()

    done = fetch([deb()], cache, console=Console(said))

    assert done.downloaded == 1
    assert cache.path(sha256(CONTENT)).read_bytes() == CONTENT
    assert "plotter_1.0_amd64.deb was damaged in the input cache" in said.getvalue()


def test_a_damaged_input_that_nobody_has_is_not_left_to_be_built_from(
    host: FileServer, cache: InputCache
) -> None:
    host.files[PATH] = CONTENT
    fetch_quietly([deb()], cache)
    cache.path(sha256(CONTENT)).write_bytes(b"evil")
    del host.files[PATH]

    with pytest.raises(UserError, match="is not in any of the 1 places"):
        fetch_quietly([deb()], cache)

    assert not cache.has(sha256(CONTENT))


def test_the_lock_that_names_an_input_is_named(host: FileServer, cache: InputCache) -> None:
    host.files[PATH] = b"evil"
    locks = locked_in("recipes/plotter/lock.json", [deb()])

    with pytest.raises(UserError) as refused:
        fetch([deb()], cache, console=Console(quiet=True), locks=locks)

    assert refused.value.message.startswith(
        "plotter_1.0_amd64.deb (named by recipes/plotter/lock.json) is not what the lock says"
    )
    assert "pansoft fetch --from" in str(refused.value.hint)


def test_a_cache_that_cannot_be_written_to_is_said_in_words(
    host: FileServer, cache: InputCache
) -> None:
    host.files[PATH] = CONTENT
    cache.part(sha256(CONTENT)).mkdir(parents=True)

    with pytest.raises(UserError, match="could not be written to the input cache") as failed:
        fetch_quietly([deb()], cache)

    assert str(cache.folder) in str(failed.value.hint)


class TestFurtherLocations:
    """Places that are asked when the host's archive has forgotten an input, or lies."""

    hashed = f"/inputs/{sha256(CONTENT)[:2]}/{sha256(CONTENT)}"
    name, content = wheel("gemmi")
    artefact = PythonArtefact("gemmi", "1.0", name, sha256(content))

    @pytest.mark.parametrize("hosts", [None, b"evil"], ids=["gone", "other bytes"])
    @pytest.mark.parametrize(
        ("kind", "root", "path"),
        [
            pytest.param(LocationKind.ARCHIVE, "/inputs", hashed, id="archive"),
            pytest.param(
                LocationKind.DEBIAN, "/old/", f"/old/{deb().path}", id="snapshot of a mirror"
            ),
        ],
    )
    def test_it_is_asked_after_the_hosts_archive(
        self,
        host: FileServer,
        cache: InputCache,
        hosts: bytes | None,
        kind: LocationKind,
        root: str,
        path: str,
    ) -> None:
        if hosts is not None:
            host.files[PATH] = hosts
        host.files[path] = CONTENT

        fetch_quietly([deb()], cache, Location(kind, host.url(root)))

        assert [request.path for request in host.requests] == [PATH, path]
        assert cache.path(sha256(CONTENT)).read_bytes() == CONTENT

    def test_an_index_may_be_one(self, host: FileServer, cache: InputCache) -> None:
        host.files["/other/gemmi/"] = index_page({self.name: self.content})
        host.types["/other/gemmi/"] = "text/html"
        host.files[f"/files/{self.name}"] = self.content

        fetch_quietly([self.artefact], cache, Location(LocationKind.PYTHON, host.url("/other")))

        assert cache.has(self.artefact.sha256)

    def test_an_index_that_cannot_be_read_does_not_end_the_search(
        self, host: FileServer, cache: InputCache
    ) -> None:
        host.faults["/simple/gemmi/"] = [Status(403)]
        host.files[f"/inputs/{self.artefact.sha256[:2]}/{self.artefact.sha256}"] = self.content

        fetch_quietly([self.artefact], cache, Location(LocationKind.ARCHIVE, host.url("/inputs")))

        assert cache.has(self.artefact.sha256)

    def test_a_folder_is_looked_into_before_the_network_is_asked(
        self, host: FileServer, cache: InputCache, tmp_path: Path
    ) -> None:
        (tmp_path / "stick").mkdir()
        (tmp_path / "stick" / "plotter_1.0_amd64.deb").write_bytes(CONTENT)

        fetch_quietly([deb()], cache, parse_location(str(tmp_path / "stick")))

        assert cache.has(sha256(CONTENT))
        assert host.requests == []

    def test_other_bytes_in_a_folder_are_passed_over(
        self, host: FileServer, cache: InputCache, tmp_path: Path
    ) -> None:
        host.files[PATH] = CONTENT
        stick = tmp_path / "stick"
        stick.mkdir()
        (stick / "plotter_1.0_amd64.deb").write_bytes(b"evil")

        fetch_quietly([deb()], cache, parse_location(str(stick)))

        assert cache.path(sha256(CONTENT)).read_bytes() == CONTENT
        assert (stick / "plotter_1.0_amd64.deb").read_bytes() == b"evil"

    def test_they_are_asked_in_order_and_wrong_bytes_of_one_do_not_hide_the_next(
        self, host: FileServer, cache: InputCache
    ) -> None:
        host.files[f"/one{self.hashed}"] = b"evil"
        host.files[f"/two{self.hashed}"] = CONTENT
        places = [
            Location(LocationKind.ARCHIVE, host.url(f"/{name}/inputs")) for name in ("one", "two")
        ]

        fetch_quietly([deb()], cache, *places)

        assert [request.path for request in host.requests] == [
            PATH, f"/one{self.hashed}", f"/two{self.hashed}",
        ]  # fmt: skip

    def test_what_all_of_them_serve_wrongly_is_refused(
        self, host: FileServer, cache: InputCache
    ) -> None:
        host.files[PATH] = host.files[self.hashed] = b"evil"

        with pytest.raises(UserError, match="is not what the lock says"):
            fetch_quietly([deb()], cache, Location(LocationKind.ARCHIVE, host.url("/inputs")))

        assert not cache.has(sha256(CONTENT))

    def test_the_sites_file_names_some(self, host: FileServer, cache: InputCache) -> None:
        host.files[self.hashed] = CONTENT
        cache.folder.mkdir()
        site = cache.folder.parent / "site.yaml"
        site.write_text(f"schema: 1\ninputs:\n  - archive: {host.url('/inputs')}\n")

        fetch_quietly([deb()], cache)

        assert cache.has(sha256(CONTENT))


class TestExport:
    """The input archive that others fetch from."""

    @pytest.fixture
    def filled(self, host: FileServer, cache: InputCache) -> InputCache:
        host.files[PATH] = CONTENT
        fetch_quietly([deb()], cache)
        return cache

    def test_what_is_exported_is_a_location_to_fetch_from(
        self, filled: InputCache, host: FileServer, tmp_path: Path
    ) -> None:
        exported = export([deb()], filled, tmp_path / "archive")
        host.requests.clear()
        other = InputCache(tmp_path / "other" / "inputs")

        fetch_quietly([deb()], other, parse_location(str(tmp_path / "archive")))

        assert exported == Exported(wanted=1, copied=1, bytes=len(CONTENT))
        assert other.has(sha256(CONTENT))
        assert host.requests == []

    def test_a_second_export_copies_what_is_missing_or_damaged(
        self, filled: InputCache, tmp_path: Path
    ) -> None:
        export([deb()], filled, tmp_path)
        again = export([deb()], filled, tmp_path)
        InputCache(tmp_path).path(sha256(CONTENT)).write_bytes(b"evil")
        mended = export([deb()], filled, tmp_path)

        assert (again.copied, mended.copied) == (0, 1)
        assert InputCache(tmp_path).path(sha256(CONTENT)).read_bytes() == CONTENT

    def test_a_damaged_input_is_not_passed_on(self, filled: InputCache, tmp_path: Path) -> None:
        filled.path(sha256(CONTENT)).write_bytes(b"evil")

        with pytest.raises(UserError, match="was damaged while it was copied"):
            export([deb()], filled, tmp_path / "archive")

        assert not InputCache(tmp_path / "archive").has(sha256(CONTENT))

    def test_a_folder_that_cannot_be_made_is_said_in_words(
        self, filled: InputCache, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()

        with pytest.raises(UserError, match="cannot be written to"):
            export([deb()], filled, tmp_path / "file")
