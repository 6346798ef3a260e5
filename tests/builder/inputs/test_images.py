# SPDX-License-Identifier: BSD-3-Clause
"""Images from a real registry and a real Docker daemon, and from archives that it saved."""

from __future__ import annotations

import base64
import gc
import gzip
import json
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builder.inputs.cache import InputCache
from builder.inputs.export import export
from builder.inputs.fetch import fetch
from builder.inputs.image_locking import look_up_image
from builder.inputs.locations import Location, LocationKind
from builder.inputs.oci import OciImage
from builder.inputs.registry import Registry, is_this_machine
from builder.recipes.image_reference import ImageOrigin, ImageReference, parse_reference
from core.console import Console
from core.errors import UserError
from tests.docker_daemons import Daemon, docker_daemon
from tests.images import File, MadeImage, docker_archive, image_of, index_of, layer, sha256
from tests.registries import PASSWORD, USER, LocalRegistry, Tokens, registry, token_server
from tests.servers import Cut, FileServer, Redirect, Status, file_server

LOW = layer(File("etc/motd", random.Random(1).randbytes(300_000)))
IMAGE = image_of([LOW, layer(File("b"))], env=["PATH=/opt/x:/bin"])
LAYER = json.loads(IMAGE.manifest)["layers"][0]["digest"].removeprefix("sha256:")
CONSOLE = Console(quiet=True)


@pytest.fixture
def cache(tmp_path: Path) -> InputCache:
    return InputCache(tmp_path / "inputs")


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)


def log_in(home: Path, host: str, password: str = PASSWORD) -> None:
    file = home / ".docker" / "config.json"
    file.parent.mkdir(parents=True)
    pair = base64.b64encode(f"{USER}:{password}".encode()).decode()
    file.write_text(json.dumps({"auths": {host: {"auth": pair}}}))


def in_registry(host: str, name: str, digest: str = IMAGE.digest) -> ImageReference:
    return parse_reference(f"docker://{host}/{name}@sha256:{digest}")


def look_up(reference: ImageReference, cache: InputCache, folder: Path = Path()) -> OciImage:
    return look_up_image(ImageOrigin(reference, folder), cache, console=CONSOLE)


def is_whole(image: MadeImage, cache: InputCache) -> bool:
    return all(
        cache.path(digest).read_bytes() == content for digest, content in image.blobs.items()
    )


# -- a real registry -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    with registry(tmp_path_factory.mktemp("registry")) as running:
        running.push("test/tiny", IMAGE)
        yield running


@pytest.mark.needs("docker-registry")
def test_an_image_is_had_by_its_digest(open_registry: LocalRegistry, cache: InputCache) -> None:
    image = look_up(in_registry(open_registry.host, "test/tiny"), cache)

    assert image.manifest == IMAGE.digest
    nobody = ImageOrigin(in_registry("127.0.0.1:1", "gone"), Path())
    parts = image.parts(nobody)
    assert [part.sha256 for part in parts] == list(IMAGE.blobs)
    assert is_whole(IMAGE, cache)
    assert fetch(parts, cache, console=CONSOLE).downloaded == 0, "all is there, nobody is asked"


@pytest.mark.needs("docker-registry")
def test_an_index_leads_to_the_image_for_us(
    open_registry: LocalRegistry, cache: InputCache
) -> None:
    arm = image_of([LOW], architecture="arm64")
    open_registry.push("test/tiny", arm)
    index = index_of((arm, "arm64"), (IMAGE, "amd64"))
    open_registry.push_manifest("test/tiny", index, "application/vnd.oci.image.index.v1+json")

    image = look_up(in_registry(open_registry.host, "test/tiny", sha256(index)), cache)

    assert image.manifest == IMAGE.digest


@pytest.mark.needs("docker-registry")
def test_a_digest_that_the_registry_does_not_have_is_an_error(
    open_registry: LocalRegistry, cache: InputCache
) -> None:
    with pytest.raises(UserError, match="does not have the image test/tiny with this digest"):
        look_up(in_registry(open_registry.host, "test/tiny", "0" * 64), cache)


@pytest.mark.needs("docker-registry")
def test_a_blob_that_is_gone_or_damaged_is_an_error_and_mended_goes_on(
    open_registry: LocalRegistry, cache: InputCache
) -> None:
    stored = open_registry.stored(LAYER)
    whole = stored.read_bytes()
    reference = in_registry(open_registry.host, "test/tiny")
    layer_name = "layer 1 of test/tiny"
    try:
        stored.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UserError, match=f"{layer_name} (is not what the lock|could not be)"):
            look_up(reference, cache)
        stored.write_bytes(whole[:-4] + b"evil")
        with pytest.raises(UserError, match=f"{layer_name} is not what the lock says"):
            look_up(reference, cache)
        stored.unlink()
        with pytest.raises(UserError, match=f"{layer_name} is not in any of the 1 places"):
            look_up(reference, cache)
        assert not cache.has(LAYER)
    finally:
        stored.write_bytes(whole)

    look_up(reference, cache)

    assert is_whole(IMAGE, cache)


@pytest.mark.needs("docker-registry")
def test_a_registry_with_a_password_gives_to_whom_it_knows(
    tmp_path: Path, cache: InputCache
) -> None:
    with registry(tmp_path, has_password=True) as running:
        running.push("closed/tiny", IMAGE)
        reference = in_registry(running.host, "closed/tiny")
        with pytest.raises(
            UserError, match=r"does not give .* to whom it does not know"
        ) as refused:
            look_up(reference, cache)
        assert f"docker login {running.host}" in str(refused.value.hint)

        log_in(tmp_path / "home", running.host)
        look_up(reference, cache)

    assert is_whole(IMAGE, cache)


@pytest.fixture(scope="module")
def with_tokens(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[LocalRegistry, Tokens]]:
    folder = tmp_path_factory.mktemp("registry-with-tokens")
    with token_server(folder) as tokens, registry(folder, tokens=tokens) as running:
        for name in ("public/tiny", "closed/tiny"):
            running.push(name, IMAGE)
        yield running, tokens


@pytest.mark.needs("docker-registry")
def test_a_registry_that_wants_a_token_gets_one_for_nobody(
    with_tokens: tuple[LocalRegistry, Tokens], cache: InputCache
) -> None:
    running, tokens = with_tokens
    tokens.asked.clear()

    look_up(in_registry(running.host, "public/tiny"), cache)

    assert is_whole(IMAGE, cache)
    assert set(tokens.asked) == {(None, "repository:public/tiny:pull")}


@pytest.mark.needs("docker-registry")
def test_a_registry_that_wants_a_token_gets_one_for_the_login(
    with_tokens: tuple[LocalRegistry, Tokens],
    cache: InputCache,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    running, tokens = with_tokens
    reference = in_registry(running.host, "closed/tiny")
    with pytest.raises(UserError, match="to whom it does not know"):
        look_up(reference, cache)
    log_in(tmp_path / "home", running.host)
    caplog.set_level("DEBUG")
    tokens.asked.clear()

    look_up_image(ImageOrigin(reference, Path()), cache, console=Console())

    assert is_whole(IMAGE, cache)
    assert set(tokens.asked) == {(USER, "repository:closed/tiny:pull")}
    said = caplog.text + "".join(capfd.readouterr())
    assert PASSWORD not in said
    assert base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode() not in said


@pytest.mark.needs("docker-registry")
def test_a_wrong_password_is_an_error(
    with_tokens: tuple[LocalRegistry, Tokens], cache: InputCache, tmp_path: Path
) -> None:
    log_in(tmp_path / "home", with_tokens[0].host, password="through")

    with pytest.raises(UserError, match="does not give the image closed/tiny to this user"):
        look_up(in_registry(with_tokens[0].host, "closed/tiny"), cache)


# -- a registry that does what a real one would not --------------------------------------------------


@pytest.fixture
def odd() -> Iterator[FileServer]:
    with file_server() as server:
        server.files[f"/v2/tiny/manifests/sha256:{IMAGE.digest}"] = IMAGE.manifest
        for digest, content in IMAGE.blobs.items():
            server.files[f"/v2/tiny/blobs/sha256:{digest}"] = content
        yield server


def odd_reference(server: FileServer) -> ImageReference:
    return in_registry(server.address.removeprefix("http://"), "tiny")


def test_another_manifest_than_the_one_asked_for_is_refused(
    odd: FileServer, cache: InputCache
) -> None:
    odd.files[f"/v2/tiny/manifests/sha256:{IMAGE.digest}"] = image_of([LOW]).manifest

    with pytest.raises(UserError, match="serves another manifest of tiny than was asked for"):
        look_up(odd_reference(odd), cache)


def test_a_download_that_is_cut_goes_on_where_it_was(odd: FileServer, cache: InputCache) -> None:
    path = f"/v2/tiny/blobs/sha256:{LAYER}"
    odd.faults[path] = [Cut(after=200_000), Status(503)]

    look_up(odd_reference(odd), cache)

    assert is_whole(IMAGE, cache)
    begun = [request.begin for request in odd.requests if request.path == path]
    assert begun == [0, begun[1], begun[1]]
    assert 65536 <= begun[1] <= 200_000


def test_a_wrong_beginning_of_an_earlier_run_is_fetched_again(
    odd: FileServer, cache: InputCache
) -> None:
    part = cache.part(LAYER)
    part.parent.mkdir(parents=True)
    part.write_bytes(b"something else")

    look_up(odd_reference(odd), cache)

    assert is_whole(IMAGE, cache)


def test_an_input_archive_has_the_parts_of_images_as_well(
    odd: FileServer, cache: InputCache, tmp_path: Path
) -> None:
    parts = look_up(odd_reference(odd), cache).parts(ImageOrigin(odd_reference(odd), Path()))
    export(parts, cache, tmp_path / "archive")
    nobody = ImageOrigin(parse_reference(f"docker-archive:gone.tar@sha256:{IMAGE.id}"), tmp_path)
    elsewhere = InputCache(tmp_path / "elsewhere" / "inputs")
    wanted = [replace(part, origin=nobody) for part in parts]

    with pytest.raises(UserError, match="3 inputs could not be fetched"):
        fetch(wanted, elsewhere, console=CONSOLE)
    here = (Location(LocationKind.FOLDER, str(tmp_path / "archive")),)
    fetch(wanted, elsewhere, console=CONSOLE, further=here)

    assert is_whole(IMAGE, elsewhere)


def test_a_part_that_was_damaged_in_the_cache_is_fetched_again(
    odd: FileServer, cache: InputCache
) -> None:
    origin = ImageOrigin(odd_reference(odd), Path())
    image = look_up(odd_reference(odd), cache)
    cache.path(LAYER).write_bytes(b"damaged")

    fetch(image.parts(origin), InputCache(cache.folder), console=CONSOLE)

    assert is_whole(IMAGE, cache)


def test_nobody_is_asked_without_tls_but_this_machine(cache: InputCache, odd: FileServer) -> None:
    hosts = ["localhost", "localhost:5000", "127.0.0.1:80", "127.3.2.1", "[::1]:5000"]
    others = ["registry.example.org", "localhost.example.org", "10.0.0.1", "128.0.0.1:127"]

    assert [is_this_machine(host) for host in hosts + others] == [True] * 5 + [False] * 4


def test_a_registry_may_send_us_elsewhere_with_tls_only(odd: FileServer, cache: InputCache) -> None:
    path = f"/v2/tiny/blobs/sha256:{LAYER}"
    odd.faults[path] = [Redirect("http://blobs.example.org/elsewhere")]

    with pytest.raises(UserError, match=r"sends us to blobs.example.org without TLS"):
        look_up(odd_reference(odd), cache)


def test_a_token_is_not_shown_to_where_a_registry_sends_us(odd: FileServer) -> None:
    path = f"/v2/tiny/blobs/sha256:{LAYER}"
    with file_server() as front:
        front.faults[path] = [Redirect(odd.url(path))]
        asked = Registry(front.address.removeprefix("http://"), "tiny", login=None)
        asked._access._authorization = "Bearer secret"  # as after the first request

        answer = asked.session().get(asked.blob_address(LAYER), timeout=20)

    assert sha256(answer.content) == LAYER
    assert [request.login for request in front.requests] == ["Bearer secret"]
    assert [request.login for request in odd.requests] == [None]


# -- a real Docker daemon ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    if os.geteuid() != 0:
        pytest.skip("a Docker daemon needs root")
    with docker_daemon() as running:
        yield running


@pytest.mark.needs("dockerd", "docker")
def test_an_image_is_had_from_the_daemon_and_from_what_it_saved(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", daemon.address)
    image_id = daemon.image_of(LOW, "test/tiny:1", "ENV PATH=/opt/x:/bin")
    archive = tmp_path / "base" / "tiny.tar"
    archive.parent.mkdir()
    daemon.run("save", "--output", archive, "test/tiny:1")
    first, second = InputCache(tmp_path / "first"), InputCache(tmp_path / "second")

    live = look_up(parse_reference(f"docker-daemon:test/tiny@sha256:{image_id}"), first)
    saved = look_up(
        parse_reference(f"docker-archive:tiny.tar@sha256:{image_id}"), second, archive.parent
    )

    assert live == saved
    assert [layer.diff_id for layer in live.layers] == [live.layers[0].sha256]
    assert live.path == "/opt/x:/bin"
    assert (
        first.path(live.layers[0].sha256).read_bytes()
        == second.path(saved.layers[0].sha256).read_bytes()
    )
    assert list((first.folder / "partial").iterdir()) == []


@pytest.mark.needs("dockerd", "docker")
def test_an_image_that_the_daemon_does_not_have_is_an_error(
    daemon: Daemon, cache: InputCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", daemon.address)

    with pytest.raises(UserError, match=f"has no image sha256:{'0' * 64} \\(tiny\\)"):
        look_up(parse_reference(f"docker-daemon:tiny@sha256:{'0' * 64}"), cache)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the library forgets to close its socket
def test_without_a_daemon_an_image_of_it_cannot_be_had(
    cache: InputCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")

    with pytest.raises(UserError, match="tiny cannot be had: no Docker daemon answers"):
        look_up(parse_reference(f"docker-daemon:tiny@sha256:{'0' * 64}"), cache)
    gc.collect()


# -- archives, by hand -------------------------------------------------------------------------------


def test_a_layer_that_an_archive_packs_is_kept_plain(cache: InputCache, tmp_path: Path) -> None:
    image = image_of([LOW])
    (tmp_path / "tiny.tar").write_bytes(docker_archive(image, [gzip.compress(LOW)]))

    found = look_up(parse_reference(f"docker-archive:tiny.tar@sha256:{image.id}"), cache, tmp_path)

    assert found.layers[0].sha256 == sha256(LOW)
    assert cache.path(sha256(LOW)).read_bytes() == LOW


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"no tar", "cannot be read: it is no tar, or cut short"),
        (layer(File("oci-layout")), "is not what docker save writes"),
        (layer(File("manifest.json", b"{}")), "is not what docker save writes"),
        (layer(File("manifest.json", b"[]")), "does not hold the image sha256:"),
    ],
    ids=["missing", "no tar", "no manifest", "no list", "no image"],
)
def test_what_is_no_archive_of_the_image_is_an_error(
    content: bytes | None, message: str, cache: InputCache, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "tiny.tar").write_bytes(content)

    with pytest.raises(UserError, match=message):
        look_up(parse_reference(f"docker-archive:tiny.tar@sha256:{IMAGE.id}"), cache, tmp_path)


def test_an_archive_of_another_image_says_which_one_it_holds(
    cache: InputCache, tmp_path: Path
) -> None:
    (tmp_path / "tiny.tar").write_bytes(docker_archive(image_of([LOW]), [LOW]))

    with pytest.raises(UserError, match=f"does not hold the image sha256:{IMAGE.id}") as refused:
        look_up(parse_reference(f"docker-archive:tiny.tar@sha256:{IMAGE.id}"), cache, tmp_path)

    assert f"it holds sha256:{image_of([LOW]).id}" in str(refused.value.hint)


def test_an_archive_with_another_layer_or_cut_short_is_an_error(
    cache: InputCache, tmp_path: Path
) -> None:
    file = tmp_path / "tiny.tar"
    image = image_of([LOW])
    reference = parse_reference(f"docker-archive:tiny.tar@sha256:{image.id}")

    file.write_bytes(docker_archive(image, [layer(File("evil"))]))
    with pytest.raises(UserError, match=r"the layer 0/layer.tar of .* is not what the lock says"):
        look_up(reference, cache, tmp_path)
    file.write_bytes(docker_archive(image, [LOW]))
    file.write_bytes(file.read_bytes()[: len(LOW) // 2])
    with pytest.raises(UserError, match="cannot be read: it is no tar, or cut short"):
        look_up(reference, cache, tmp_path)
    assert not cache.has(sha256(LOW))


def test_an_archive_outside_of_the_base_s_folder_is_not_read(
    cache: InputCache, tmp_path: Path
) -> None:
    image = image_of([LOW])
    (tmp_path / "tiny.tar").write_bytes(docker_archive(image, [LOW]))
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "tiny.tar").symlink_to(tmp_path / "tiny.tar")

    with pytest.raises(UserError, match="leads out of the base's folder"):
        look_up(parse_reference(f"docker-archive:tiny.tar@sha256:{image.id}"), cache, folder)
