# SPDX-License-Identifier: BSD-3-Clause
"""What the host's apt is configured for, and how Debian's control text is read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from builder.inputs import apt
from builder.inputs.apt import DebianPackage
from builder.inputs.archive import dpkg_status, packages_index
from builder.inputs.cache import InputCache
from core import process
from tests.packages import Deb, apt_host, debian_archive

pytestmark = pytest.mark.needs("apt-get", "dpkg-deb")


def configure(monkeypatch: pytest.MonkeyPatch, folder: Path, sources: str, more: str = "") -> None:
    """Make a host whose apt has these sources and nothing read of them yet."""
    for name, value in apt_host(folder, "http://unused").items():
        monkeypatch.setenv(name, value)
    (folder / "sources.list").write_text(sources)
    with (folder / "apt.conf").open("a") as config:
        config.write(more)


def test_archives_are_known_before_their_lists_were_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(
        monkeypatch,
        tmp_path,
        "deb http://one.example/debian bookworm main\n"
        "deb http://one.example/debian bookworm-updates main\n"
        "deb http://two.example/security/ bookworm-security main\n"
        "deb file:/srv/debs ./\n",
    )

    assert sorted(apt.archive_urls()) == [
        "file:/srv/debs/./",
        "http://one.example/debian/",
        "http://two.example/security/",
    ]
    assert sorted(apt.source_suites()) == ["bookworm", "bookworm-security", "bookworm-updates"]


@pytest.mark.parametrize(
    ("settings", "proxies"),
    [
        ("", {}),
        (
            'Acquire::http::Proxy "http://proxy.example:3128";\n',
            {"http": "http://proxy.example:3128"},
        ),
        ('Acquire::http::Proxy "DIRECT";\n', {}),
        (
            'Acquire::http::Proxy "http://a:1";\nAcquire::https::Proxy "http://b:2";\n',
            {"http": "http://a:1", "https": "http://b:2"},
        ),
    ],
    ids=["none", "one", "direct", "both"],
)
def test_the_proxies_are_apts_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, proxies: dict[str, str]
) -> None:
    configure(monkeypatch, tmp_path, "", settings)

    assert apt.proxies() == proxies


def test_a_host_without_apt_has_no_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(process, "SYSTEM_PATH", str(tmp_path))

    assert (apt.archive_urls(), apt.source_suites(), apt.proxies()) == ((), (), {})


def test_paragraphs_of_control_text_become_fields() -> None:
    text = "Package: a\nVersion: 1:2.0\nDepends: b,\n c\n\n\nPackage: b\nHomepage: http://b:1/x\n\n"

    assert list(apt.stanzas(text)) == [
        {"Package": "a", "Version": "1:2.0", "Depends": "b,\n c"},
        {"Package": "b", "Homepage": "http://b:1/x"},
    ]


class TestArchive:
    """Fetched .debs as an archive and as a system on which they are installed."""

    @pytest.fixture
    def fetched(self, tmp_path: Path) -> tuple[InputCache, DebianPackage]:
        root = debian_archive(tmp_path / "archive", [Deb("plotter", depends="libgd3")])
        file = next(root.rglob("*.deb"))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        cache = InputCache(tmp_path / "inputs")
        cache.part(digest).parent.mkdir(parents=True)
        size = file.stat().st_size
        file.rename(cache.part(digest))
        cache.take(cache.part(digest), digest, name="plotter")
        return cache, DebianPackage("plotter", "1.0-1", "amd64", "pool/p/p.deb", size, digest)

    def test_an_index_names_each_file_by_its_hash(
        self, fetched: tuple[InputCache, DebianPackage]
    ) -> None:
        cache, deb = fetched

        [fields] = apt.stanzas(packages_index([deb], cache))

        assert fields["Package"] == "plotter"
        assert fields["Depends"] == "libgd3"
        assert fields["Filename"] == f"./pool/{deb.sha256[:2]}/{deb.sha256}"
        assert (fields["Size"], fields["SHA256"]) == (str(deb.size), deb.sha256)
        assert "Description" not in fields

    def test_a_status_says_that_it_is_installed(
        self, fetched: tuple[InputCache, DebianPackage]
    ) -> None:
        cache, deb = fetched

        [fields] = apt.stanzas(dpkg_status([deb], cache))

        assert fields["Status"] == "install ok installed"
        assert (fields["Package"], fields["Version"]) == ("plotter", "1.0-1")
