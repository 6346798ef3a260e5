# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft site setup` and `update`: what they write, what they leave alone, what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import Refused, UserError
from cvmfs.mirroring.serve import serving
from cvmfs.publishing.publish import transaction
from pansoft.site import settings
from tests.pansoft.site.conftest import SiteMaker
from tests.site_publisher import FQRN, NAMESPACE, NOW, Publisher, signer
from trust.programs import execution_list, key_ring

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs")

KEY_FILE = f"etc/cvmfs/keys/pan.local/{FQRN}.pub"
CLIENT_FILE = f"etc/cvmfs/config.d/{FQRN}.conf"
LIST_FILE = f"etc/apptainer/{execution_list.FILE_NAME}"
RING_FILE = f"etc/apptainer/{key_ring.FILE_NAME}"


def test_a_machine_is_set_up_from_an_address_and_a_root(
    publisher: Publisher, site: SiteMaker
) -> None:
    with publisher.served() as url:
        said = site.set_up(publisher, url, "--ecl", "whitelist", "--proxy", "DIRECT")

    read = {name: (site.machine / name).read_bytes() for name in (KEY_FILE, CLIENT_FILE, LIST_FILE)}
    assert read[KEY_FILE] == publisher.keys.public_key.read_bytes()
    assert read[CLIENT_FILE].decode().splitlines()[1:] == [
        f"CVMFS_SERVER_URL='{url}'",
        f"CVMFS_PUBLIC_KEY='/{KEY_FILE}'",
        "CVMFS_HTTP_PROXY='DIRECT'",
    ]
    assert execution_list.is_active(read[LIST_FILE]) is True
    assert publisher.key.fingerprint in read[LIST_FILE].decode()
    (certificate,) = key_ring.certificates((site.machine / RING_FILE).read_bytes())
    assert certificate.fingerprint == publisher.key.fingerprint
    assert f"{NAMESPACE} answers for it" in said
    assert (site.places.policy / "policy.yaml").read_bytes() == publisher.policy()[
        "trust/policy.yaml"
    ]


def test_a_second_time_nothing_is_written(publisher: Publisher, site: SiteMaker) -> None:
    with publisher.served() as url:
        site.set_up(publisher, url)
        before = {name: Path(name).stat().st_mtime_ns for name in site.files()}

        said = site.set_up(publisher, url)

    assert {name: Path(name).stat().st_mtime_ns for name in site.files()} == before
    assert "are as they should be" in said


def test_a_dry_run_shows_every_file_and_writes_none(publisher: Publisher, site: SiteMaker) -> None:
    with publisher.served() as url:
        said = site.set_up(publisher, url, "--dry-run")

    assert site.files() == {}
    assert not site.state.exists()
    for name in (KEY_FILE, CLIENT_FILE, LIST_FILE, RING_FILE):
        assert f"would write  {site.machine / name} (new)" in said
    assert f"+CVMFS_PUBLIC_KEY='/{KEY_FILE}'" in said


def test_what_somebody_has_edited_is_left_alone(publisher: Publisher, site: SiteMaker) -> None:
    with publisher.served() as url:
        site.set_up(publisher, url)
        edited = site.machine / CLIENT_FILE
        edited.write_text("CVMFS_SERVER_URL=http://mine\n")
        before = site.files()

        with pytest.raises(UserError, match=f"edited by hand.*{FQRN}.conf") as caught:
            site.set_up(publisher, url, "--ecl", "whitelist")

    assert caught.value.hint is not None
    assert "--force" in caught.value.hint
    assert site.files() == before


def test_force_writes_and_keeps_a_copy(publisher: Publisher, site: SiteMaker) -> None:
    with publisher.served() as url:
        site.set_up(publisher, url)
        edited = site.machine / CLIENT_FILE
        right = edited.read_bytes()
        edited.write_text("mine\n")

        site.set_up(publisher, url, "--force")
        edited.write_text("mine again\n")
        site.set_up(publisher, url, "--force")

    assert edited.read_bytes() == right
    assert edited.with_name(f"{edited.name}.before-pansoft").read_text() == "mine\n"
    assert edited.with_name(f"{edited.name}.before-pansoft1").read_text() == "mine again\n"


def test_the_list_that_apptainer_comes_with_is_replaced(
    publisher: Publisher, site: SiteMaker
) -> None:
    file = site.machine / LIST_FILE
    file.parent.mkdir(parents=True)
    file.write_text("# as it is installed\nactivated = false\n")

    with publisher.served() as url:
        site.set_up(publisher, url)

    assert publisher.key.fingerprint in file.read_text()


def test_a_list_of_the_sites_own_is_not_replaced(publisher: Publisher, site: SiteMaker) -> None:
    file = site.machine / LIST_FILE
    file.parent.mkdir(parents=True)
    file.write_text('activated = true\n[[execgroup]]\nmode = "blacklist"\nkeyfp = []\n')

    with publisher.served() as url, pytest.raises(UserError, match="made by somebody else"):
        site.set_up(publisher, url)


def test_what_the_site_accepts_is_its_own_file(publisher: Publisher, site: SiteMaker) -> None:
    with publisher.served() as url:
        site.set_up(publisher, url)
        mine = site.places.policy / "acceptance.yaml"
        mine.write_text(mine.read_text().replace('packages: ["*"]', "packages: [tiny]"))

        site.set_up(publisher, url, "--force")

    assert "packages: [tiny]" in mine.read_text()


def test_a_list_under_which_nothing_would_run_is_not_written(
    publisher: Publisher, site: SiteMaker
) -> None:
    publisher.lists_key = False
    publisher.publish()

    with publisher.served() as url, pytest.raises(Refused, match="no image at all"):
        site.set_up(publisher, url, "--ecl", "whitelist")

    assert site.files() == {}


def test_an_update_follows_a_new_policy_with_no_hand_on_it(
    publisher: Publisher, site: SiteMaker
) -> None:
    """A signer whom the publisher has taken out of the policy is out of the list and the ring as well."""
    with publisher.served() as url:
        site.set_up(publisher, url)
        publisher.lists_key = False
        publisher.publish()

        told = json.loads(site.done("update", "--json"))

    changed = {Path(f["path"]).name for f in told["files"] if f["change"] == "changed"}
    assert changed == {"policy.yaml", "ecl.toml", "global-pgp-public"}
    assert publisher.key.fingerprint not in (site.machine / LIST_FILE).read_text()
    assert (site.machine / RING_FILE).read_bytes() == b""


def test_a_new_root_is_followed_with_no_hand_on_it(publisher: Publisher, site: SiteMaker) -> None:
    """A facility has lost its key: the others sign a root with its new one, and no site is touched."""
    with publisher.served() as url:
        site.set_up(publisher, url)
        old = publisher.federation.facilities["DESY"]
        publisher.federation.facilities["DESY"] = signer("DESY")
        publisher.federation.new_root(also_signed_by=[old])
        publisher.publish()

        told = json.loads(site.done("update", "--json"))

    assert (told["root_version"], told["written"]) == (2, True)


def test_a_run_that_was_killed_is_finished_by_the_next(
    publisher: Publisher, site: SiteMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with publisher.served() as url:
        site.set_up(publisher, url)
        complete = site.files()
        publisher.lists_key = False
        publisher.publish()
        with monkeypatch.context() as patch:
            patch.setattr(settings, "store", once(settings.store))
            with pytest.raises(Killed):
                site.done("update")

        publisher.lists_key = True
        publisher.publish()
        site.done("update")

    assert site.files() == complete


class Killed(BaseException):
    """Ends a run as a signal would."""


def once(function: object) -> object:
    """Return a function that is the same the first time and is killed the second."""
    calls = []

    def run(*argv: object) -> None:
        calls.append(argv)
        if len(calls) > 1:
            raise Killed
        function(*argv)  # type: ignore[operator]  # any function

    return run


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (("setup",), "root is needed"),
        (("setup", "--repository", "http://127.0.0.1:9/cvmfs/x.example.org"), "root is needed"),
        (("update",), "there is no site"),
        (("doctor",), "there is no site"),
        (("verify",), "there is no site"),
    ],
)
def test_what_cannot_be_known_is_asked_for(
    site: SiteMaker, argv: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(UserError, match=reason) as caught:
        site.done(*argv)

    assert "--root" in str(caught.value.hint)


def test_the_federation_may_be_in_another_repository(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    """A partner's repository has its software and its list; the coordinator's has what answers for both."""
    elsewhere = publisher.copy(tmp_path / "coordinator")
    with transaction(publisher.repository, publisher.keys, at=NOW) as tx:
        tx.remove("trust/federation")

    with publisher.served() as url, serving(elsewhere.storage) as other:
        with pytest.raises(UserError, match="federation"):
            site.set_up(publisher, url)
        said = site.set_up(publisher, url, "--federation", other)
        again = site.done("update")

    assert f"{NAMESPACE} answers for it" in said
    assert "are as they should be" in again


def test_a_site_has_one_repository(publisher: Publisher, site: SiteMaker, tmp_path: Path) -> None:
    with publisher.served() as url:
        site.set_up(publisher, url)
        remembered = settings.load(site.places)
        changed = json.loads(site.places.settings.read_text())
        changed["settings"]["fqrn"] = "other.pan.local"
        site.places.settings.write_text(json.dumps(changed))

        with pytest.raises(
            UserError, match=f"uses other.pan.local, not {remembered.settings.fqrn}"
        ):
            site.set_up(publisher, url)
