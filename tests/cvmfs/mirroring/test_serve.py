# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core.errors import UserError
from cvmfs.errors import NotFound
from cvmfs.format.keys import create_keys
from cvmfs.mirroring.serve import serving
from cvmfs.publishing.repository import Repository, create_repository
from tests.cvmfs.samples import AT, FQRN


def ask(
    url: str, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of one request; the path is sent as it is."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def test_manifest_may_be_kept_for_a_minute(repository: Repository) -> None:
    with serving(repository.folder) as url:
        status, headers, body = ask(url, f"/cvmfs/{FQRN}/.cvmfspublished")

    assert (status, body) == (200, (repository.folder / ".cvmfspublished").read_bytes())
    assert headers["Content-Type"] == "application/x-cvmfs"
    assert headers["Content-Length"] == str(len(body))
    assert headers["Cache-Control"] == "max-age=61"


def test_object_may_be_kept_for_days(repository: Repository) -> None:
    content_hash = repository.manifest.root_hash
    path = f"/cvmfs/{FQRN}/data/{content_hash[:2]}/{content_hash[2:]}C"

    with serving(repository.folder) as url:
        status, headers, body = ask(url, path)
        head = ask(url, path, "HEAD")

    assert (status, len(body)) == (200, int(headers["Content-Length"]))
    assert headers["Cache-Control"] == "max-age=259200, immutable"
    assert (head[0], head[2], head[1]["Content-Length"]) == (200, b"", str(len(body)))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/cvmfs/",
        f"/cvmfs/{FQRN}/",
        f"/cvmfs/{FQRN}/data/",
        f"/cvmfs/{FQRN}/data/txn",
        "/cvmfs/info/v1/",
        "/cvmfs/info/v1/other.json",
        f"/cvmfs/{FQRN}/.publish.lock",
        f"/cvmfs/{FQRN}/../../etc/passwd",
        f"/cvmfs/{FQRN}/%2e%2e/%2e%2e/etc/passwd",
        f"/cvmfs/{FQRN}/.cvmfs/../.publish.lock",
        "/cvmfs/other.example.org/.cvmfspublished",
        f"/cvmfs/{FQRN}/data/00/" + "0" * 38,
    ],
)
def test_nothing_else_is_served(repository: Repository, path: str) -> None:
    with serving(repository.folder) as url:
        status, headers, body = ask(url, path)

    assert (status, headers["Content-Length"], body) == (404, "0", b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_reading_is_possible(repository: Repository, method: str) -> None:
    with serving(repository.folder) as url:
        status, _, _ = ask(url, f"/cvmfs/{FQRN}/.cvmfspublished", method)

    assert status == 501


def test_address_has_the_layout_of_genuine_servers(repository: Repository) -> None:
    with serving(repository.folder) as url:
        assert urlsplit(url).path == f"/cvmfs/{FQRN}"


def test_folder_without_a_repository_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cvmfspublished is missing"), serving(tmp_path):
        pass


def test_address_in_use_is_a_user_error(repository: Repository) -> None:
    with serving(repository.folder) as url:
        port = urlsplit(url).port
        assert port is not None
        with (
            pytest.raises(UserError, match="cannot serve at"),
            serving(repository.folder, port=port),
        ):
            pass


@pytest.mark.parametrize(
    ("asked", "status", "part", "says"),
    [
        ("bytes=0-3", 206, slice(0, 4), "bytes 0-3/{size}"),
        ("bytes=5-", 206, slice(5, None), "bytes 5-{last}/{size}"),
        ("bytes=-2", 206, slice(-2, None), "bytes {second_last}-{last}/{size}"),
        ("bytes=0-999999999", 200, slice(None), None),
        ("bytes=1-2,5-6", 200, slice(None), None),
        ("lines=1-2", 200, slice(None), None),
        ("bytes=999999999-", 416, slice(0), "bytes */{size}"),
    ],
)
def test_one_range_is_answered(
    repository: Repository, asked: str, status: int, part: slice, says: str | None
) -> None:
    content = (repository.folder / ".cvmfspublished").read_bytes()
    size = len(content)

    with serving(repository.folder) as url:
        answer = ask(url, f"/cvmfs/{FQRN}/.cvmfspublished", headers={"Range": asked})

    expected = says and says.format(size=size, last=size - 1, second_last=size - 2)
    assert (answer[0], answer[2]) == (status, content[part])
    assert answer[1].get("Content-Range") == expected
    assert answer[1]["Content-Length"] == str(len(answer[2]))


def test_several_repositories_are_served_and_listed(repository: Repository, tmp_path: Path) -> None:
    keys = create_keys(tmp_path, "data.example.org", at=AT)
    other = create_repository(tmp_path / "data", keys, at=AT)

    with serving(repository.folder, other.folder) as url:
        answers = [ask(url, f"/cvmfs/{name}/.cvmfspublished") for name in (FQRN, keys.fqrn)]
        listed = ask(url, "/cvmfs/info/v1/repositories.json")
        contact = ask(url, "/cvmfs/info/v1/meta.json")

    assert [body for _, _, body in answers] == [
        (folder / ".cvmfspublished").read_bytes() for folder in (repository.folder, other.folder)
    ]
    assert listed[1]["Content-Type"] == "application/json"
    assert listed[1]["Cache-Control"] == "max-age=61"
    names = [entry["name"] for entry in json.loads(listed[2])["repositories"]]
    assert names == [FQRN, "data.example.org"]
    assert json.loads(contact[2])["custom"] == {}
