# SPDX-License-Identifier: BSD-3-Clause
"""What a mirror, a partner or a thief of one key may try, over HTTP; each no has its reason.

Each test ends with what the site knew before: what was refused has changed nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import Refused, UserError
from tests.federations import NOW, FederationMaker, signer, target
from tests.servers import (
    Altered,
    Cut,
    Drip,
    Endless,
    Fault,
    FileServer,
    Redirect,
    Status,
    file_server,
)
from trust.federation.client import Federation, open_federation

OLD, NEW = b"pymca 5.9.3, with a hole", b"pymca 5.9.4, mended"
AT = "/trust/federation/"


class Site:
    """A site with its memory, and a mirror that it reads."""

    def __init__(self, mirror: FileServer, folder: Path) -> None:
        self.mirror = mirror
        self.cache = folder / "cache"
        self.maker = FederationMaker()
        self.maker.lists["esrf"] = [target("esrf/pymca/5.9.3/pymca.sif", OLD)]
        self.maker.lists["ill"] = [target("ill/mantid/6.1/mantid.sif", b"mantid")]
        self.show(self.maker.publish())
        self.root = self.maker.roots["1.root.json"]

    def show(self, files: dict[str, bytes]) -> None:
        """Let the mirror show these files, beside those it has."""
        self.mirror.files.update({AT + name: content for name, content in files.items()})

    def show_only(self, files: dict[str, bytes]) -> None:
        """Let the mirror show these files and no others."""
        self.mirror.files.clear()
        self.show(files)

    def look(self, *, days: float = 0, limit_s: float = 20) -> Federation:
        """Return the federation as the mirror shows it."""
        return open_federation(
            self.root,
            self.mirror.url("/trust/federation"),
            cache=self.cache,
            at=NOW + timedelta(days=days),
            limit_s=limit_s,
        )

    def publish_new(self) -> dict[str, bytes]:
        """Publish 5.9.4 and return all files of that state."""
        self.maker.lists["esrf"].append(target("esrf/pymca/5.9.4/pymca.sif", NEW))
        files = self.maker.publish()
        self.show(files)
        return files

    def memory(self) -> dict[str, bytes]:
        """Return what the site has seen and keeps."""
        return {
            str(file.relative_to(self.cache)): file.read_bytes()
            for file in sorted(self.cache.rglob("*.json"))
        }


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with file_server() as mirror:
        yield Site(mirror, tmp_path)


def refused(site: Site, reason: str, *, days: float = 0, limit_s: float = 20) -> None:
    with pytest.raises(UserError, match=reason):
        site.look(days=days, limit_s=limit_s).find("esrf", "pymca", "5.9.3", "pymca.sif")


def test_old_metadata_replayed_is_refused(site: Site) -> None:
    old = dict(site.mirror.files)
    site.publish_new()
    site.look().find("esrf", "pymca", "5.9.4", "pymca.sif")

    site.mirror.files.clear()
    site.mirror.files.update(old)

    refused(site, "an older state of the federation than this site has seen")


def test_a_timestamp_that_is_kept_back_ends_by_itself(site: Site) -> None:
    site.look().find("esrf", "pymca", "5.9.3", "pymca.sif")

    refused(site, "timestamp at .* has expired: .* kept from this site", days=3.1)


def test_an_expired_root_ends_everything(site: Site) -> None:
    site.maker.at = NOW + timedelta(days=370)
    site.show(site.maker.publish())

    refused(site, "federation's root at .* has expired", days=371)


def test_an_expired_namespace_counts_no_more(site: Site) -> None:
    site.maker.days["esrf"] = 1
    site.show(site.maker.publish())

    refused(site, "federation's esrf at .* has expired", days=2)


def test_a_partner_that_lets_its_list_expire_ends_itself_only(site: Site) -> None:
    site.maker.days["ill"] = 1
    site.maker.days["timestamp"] = 5
    site.show(site.maker.publish())

    survey = site.look(days=2).survey()

    assert [target.path for target in survey.targets] == ["esrf/pymca/5.9.3/pymca.sif"]
    [(name, why)] = survey.unsound
    assert name == "ill"
    assert "federation's ill at" in why
    assert "has expired" in why


def test_an_expired_snapshot_counts_no_more(site: Site) -> None:
    site.maker.days |= {"snapshot": 1, "timestamp": 9}
    site.show(site.maker.publish())

    refused(site, "federation's snapshot at .* has expired", days=2)


def test_a_core_list_with_one_signature_is_refused(site: Site) -> None:
    site.maker.lists["core"] = [target("core/gemmi/0.7.5/gemmi.sif", b"gemmi")]
    site.show(site.maker.publish(signed_by={"core": [site.maker.facilities["ILL"]]}))

    with pytest.raises(Refused, match=r"without enough good signatures.*core was signed by 1/2"):
        site.look().find("core", "gemmi", "0.7.5", "gemmi.sif")


def test_a_key_that_signs_twice_counts_once(site: Site) -> None:
    ill = site.maker.facilities["ILL"]
    site.maker.lists["core"] = [target("core/gemmi/0.7.5/gemmi.sif", b"gemmi")]
    site.show(site.maker.publish(signed_by={"core": [ill, ill]}))

    with pytest.raises(Refused, match=r"holds no sound federation metadata|signed by 1/2"):
        site.look().find("core", "gemmi", "0.7.5", "gemmi.sif")


def test_a_new_root_by_too_few_of_the_old_facilities_is_refused(site: Site) -> None:
    for name in ("ILL", "DESY"):
        site.maker.facilities[name] = signer(name)  # a thief's, who has the key of ESRF
    site.maker.new_root()
    site.show(site.maker.publish())

    refused(site, "without enough good signatures")


def test_a_new_root_by_too_few_of_the_new_facilities_is_refused(site: Site) -> None:
    ill, desy = site.maker.facilities["ILL"], site.maker.facilities["DESY"]
    site.maker.facilities = {name: signer(name) for name in ("ESRF", "ILL", "DESY")}
    site.maker.new_root(only=1, also_signed_by=[ill, desy])
    site.show(site.maker.publish())

    refused(site, "without enough good signatures")


def test_a_timestamp_by_another_key_is_refused(site: Site) -> None:
    site.show(site.maker.publish(signed_by={"timestamp": [signer("a thief")]}))

    refused(site, "without enough good signatures.*timestamp")


def test_a_partner_has_no_say_outside_its_namespace(site: Site) -> None:
    site.maker.lists["ill"] = [target("esrf/pymca/9.9/pymca.sif", b"of ILL")]
    site.show(site.maker.publish())

    with pytest.raises(
        Refused, match=r"esrf does not list .*; ill lists it, which may speak for ill/ only"
    ):
        site.look().find("esrf", "pymca", "9.9", "pymca.sif")
    assert site.look().listed("ill") == ()


def test_a_partner_does_not_replace_what_another_lists(site: Site) -> None:
    site.maker.lists["ill"] = [target("esrf/pymca/5.9.3/pymca.sif", b"of ILL")]
    site.show(site.maker.publish())

    found = site.look().find("esrf", "pymca", "5.9.3", "pymca.sif")

    found.check(OLD)
    with pytest.raises(Refused, match=r"is not esrf/pymca/5.9.3/pymca.sif"):
        found.check(b"of ILL")


def test_a_partner_signing_for_another_is_refused(site: Site) -> None:
    site.show(site.maker.publish(signed_by={"esrf": [site.maker.facilities["ILL"]]}))

    refused(site, "without enough good signatures.*esrf was signed by 0/1")


def test_a_swapped_image_with_a_valid_old_signature_is_refused(site: Site) -> None:
    site.publish_new()

    found = site.look().find("esrf", "pymca", "5.9.4", "pymca.sif")

    with pytest.raises(Refused, match=r"pymca.sif is not esrf/pymca/5.9.4/pymca.sif"):
        found.check(OLD)


def test_a_mirror_serving_another_partners_image_is_refused(site: Site) -> None:
    found = site.look().find("esrf", "pymca", "5.9.3", "pymca.sif")

    with pytest.raises(Refused, match=r"it has 6 bytes and sha256 .*, not 24") as caught:
        found.check(b"mantid")
    assert "another partner's file" in str(caught.value.hint)


def test_files_of_two_states_do_not_go_together(site: Site) -> None:
    first = dict(site.mirror.files)
    second = site.publish_new()
    site.mirror.files[f"{AT}2.esrf.json"] = first[f"{AT}1.esrf.json"]

    with pytest.raises(Refused, match="mix-and-match"):
        site.look().find("esrf", "pymca", "5.9.4", "pymca.sif")
    assert "2.esrf.json" in second


@pytest.mark.parametrize(
    ("name", "fault", "reason"),
    [
        ("timestamp.json", Endless(), "endless data"),
        ("1.snapshot.json", Endless(), "endless data"),
        ("1.esrf.json", Endless(), "endless data"),
        ("timestamp.json", Drip(0.1), "is too slow"),
        ("timestamp.json", Redirect("/other.json"), "answers 307 for timestamp.json"),
        ("timestamp.json", Status(503), "answers 503 for timestamp.json"),
        ("1.esrf.json", Status(404), "there is no 1.esrf.json"),
        ("1.snapshot.json", Cut(after=100), "cannot be read|mix-and-match"),
        ("1.esrf.json", Altered(), "mix-and-match"),
    ],
)
def test_a_broken_mirror_is_refused_and_forgotten_when_it_is_mended(
    site: Site, name: str, fault: Fault, reason: str
) -> None:
    site.mirror.faults[AT + name] = [fault]

    refused(site, reason, limit_s=0.5 if isinstance(fault, Drip) else 20)

    site.look().find("esrf", "pymca", "5.9.3", "pymca.sif").check(OLD)


def test_endless_roots_are_refused(site: Site) -> None:
    site.show({"2.root.json": b"{"})
    site.mirror.faults[f"{AT}2.root.json"] = [Endless()]

    refused(site, "endless data")


def test_a_mirror_in_trouble_is_no_refusal(site: Site) -> None:
    site.mirror.faults[f"{AT}timestamp.json"] = [Status(503)]

    with pytest.raises(UserError, match="cannot be read from") as caught:
        site.look()
    assert caught.value.exit_code == 2


def test_a_mirror_that_does_not_answer_is_said_so(site: Site, tmp_path: Path) -> None:
    site.mirror.address = "http://127.0.0.1:9"

    refused(site, "cannot be read from http://127.0.0.1:9")


def test_metadata_that_is_taken_away_is_refused(site: Site) -> None:
    site.look().find("esrf", "pymca", "5.9.3", "pymca.sif")
    del site.maker.namespaces["ill"]
    site.show(site.maker.publish())

    refused(site, "New snapshot is missing info for 'ill.json'")


def test_a_stolen_and_replaced_timestamp_key_does_not_lock_sites_out(site: Site) -> None:
    """The thief counts the versions up; the new key begins below, and sites follow the new root."""
    site.look()
    site.maker.versions |= {"timestamp": 1000, "snapshot": 1000}
    site.show(site.maker.publish())
    site.look()

    site.maker.online = signer("online")
    site.maker.versions |= {"timestamp": 1, "snapshot": 1}
    site.maker.new_root()
    site.show(site.maker.publish())

    assert site.look().root_version == 2
