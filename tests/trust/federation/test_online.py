# SPDX-License-Identifier: BSD-3-Clause
"""What the pipeline signs between the ceremonies, read by python-tuf's own client as by ours."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Targets
from tuf.ngclient import Updater

from core.errors import Refused, UserError
from tests.federations import NOW, signer
from tests.servers import file_server
from tests.trust.federation.ceremonies import ESRF_LIST, ONLINE, SEATS, in_force, key, with_esrf
from trust.federation import ceremony, charter, documents, online
from trust.federation.client import Federation, open_federation
from trust.federation.documents import Agreed
from trust.federation.online import Keys, Refreshed
from trust.federation.rules import charter_of
from trust.federation.settings import Partner, Settings
from trust.federation.target import Target

SETTINGS = Settings(is_coordinator=True)
PYMCA = Target(
    "esrf/pymca/5.9.4/pymca.sif", 3, "a" * 64, "software.esrf.local", "images/pymca/5.9.4/pymca.sif"
)


def refreshed(
    agreed: Agreed,
    before: Mapping[str, bytes] | None = None,
    *,
    days: float = 0,
    own: tuple[Target, ...] = (PYMCA,),
    gathered: Mapping[str, bytes] | None = None,
    keys: Keys | None = None,
) -> Refreshed:
    return online.refresh(
        agreed,
        SETTINGS,
        before=before or {},
        own={"esrf": own},
        gathered=gathered or {},
        keys=keys or Keys(ONLINE, {"esrf": ESRF_LIST}),
        at=NOW + timedelta(days=days),
    )


def partners_list(version: int = 1, by: CryptoSigner = ESRF_LIST) -> bytes:
    made = Metadata(Targets(version, expires=NOW + timedelta(days=90)))
    made.sign(by)
    return made.to_bytes()


def versions(files: Mapping[str, bytes]) -> list[str]:
    return sorted(name for name in files if not name.endswith("root.json"))


def seen(
    agreed: Agreed, files: Mapping[str, bytes], folder: Path, *, days: float = 0
) -> Federation:
    mirror = folder / "mirror"
    mirror.mkdir(exist_ok=True)
    for name, content in files.items():
        (mirror / name).write_bytes(content)
    return open_federation(
        agreed.roots[0].to_bytes(),
        mirror,
        cache=folder / "cache",
        at=NOW + timedelta(days=days),
    )


@pytest.fixture
def agreed(tmp_path: Path) -> Agreed:
    return with_esrf(tmp_path / "federation")


def test_the_whole_federation_is_published(agreed: Agreed, tmp_path: Path) -> None:
    files = refreshed(agreed).files

    assert versions(files) == [
        "1.core.json",
        "1.esrf.json",
        "1.snapshot.json",
        "2.targets.json",
        "timestamp.json",
    ]
    assert seen(agreed, files, tmp_path).find("esrf", "pymca", "5.9.4", "pymca.sif") == PYMCA


def test_any_client_of_the_framework_reads_it(agreed: Agreed, tmp_path: Path) -> None:
    public = b"-----BEGIN PUBLIC KEY-----"
    listed = Target(
        "esrf/keys/software.esrf.local.pub",
        len(public),
        hashlib.sha256(public).hexdigest(),
        "software.esrf.local",
        "trust/software.esrf.local.pub",
    )
    files = refreshed(agreed, own=(PYMCA, listed)).files
    with file_server() as server:
        server.files = {f"/trust/federation/{name}": content for name, content in files.items()}
        place = f"/trust/federation/targets/esrf/keys/{listed.sha256}.{listed.file}"
        server.files[place] = public
        updater = Updater(
            str(tmp_path / "metadata"),
            server.url("/trust/federation/"),
            str(tmp_path / "targets"),
            server.url("/trust/federation/targets/"),
            bootstrap=agreed.roots[0].to_bytes(),
        )
        updater._trusted_set.reference_time = NOW
        found = updater.get_targetinfo(listed.path)
        assert found is not None
        (tmp_path / "targets").mkdir()
        file = updater.download_target(found)

    assert Path(file).read_bytes() == public


def test_nothing_new_is_nothing_signed(agreed: Agreed) -> None:
    first = refreshed(agreed).files

    assert refreshed(agreed, first, days=1.4).files == first


@pytest.mark.parametrize(
    ("days", "new"),
    [
        (1.6, ["timestamp.json"]),
        (7.5, ["2.snapshot.json", "timestamp.json"]),
        (46, ["2.esrf.json", "2.snapshot.json", "timestamp.json"]),
    ],
)
def test_what_is_half_over_is_signed_again(agreed: Agreed, days: float, new: list[str]) -> None:
    first = refreshed(agreed).files

    then = refreshed(agreed, first, days=days).files

    assert [name for name in versions(then) if then[name] != first.get(name)] == new


def test_a_reader_on_its_way_still_finds_what_the_last_timestamp_names(agreed: Agreed) -> None:
    other = Target("esrf/x/1/x.sif", 1, "b" * 64, "software.esrf.local", "images/x/1/x.sif")
    first = refreshed(agreed).files
    second = refreshed(agreed, first, own=(PYMCA, other)).files
    third = refreshed(agreed, second, own=(other,)).files

    assert {"1.esrf.json", "2.esrf.json", "1.snapshot.json"} <= second.keys()
    assert {"2.esrf.json", "3.esrf.json", "3.snapshot.json"} <= third.keys()
    assert "1.esrf.json" not in third


def test_a_partners_list_is_gathered(agreed: Agreed, tmp_path: Path) -> None:
    folder = tmp_path / "esrf"
    folder.mkdir()
    made = online.refresh_list(
        "esrf", SETTINGS, before={}, own=(PYMCA,), key=ESRF_LIST, at=NOW
    ).files
    (folder / "esrf.json").write_bytes(made["esrf.json"])

    gathered, notes = online.gather([Partner("esrf", str(folder))])
    result = refreshed(agreed, gathered=gathered, own=(), keys=Keys(ONLINE, {}))

    assert (notes, result.notes) == ((), ())
    assert seen(agreed, result.files, tmp_path).listed("esrf") == (PYMCA,)


def test_a_partner_publishes_nothing_new_where_nothing_is(agreed: Agreed) -> None:
    once = online.refresh_list("esrf", SETTINGS, before={}, own=(PYMCA,), key=ESRF_LIST, at=NOW)
    then = NOW + timedelta(days=40)

    again = online.refresh_list(
        "esrf", SETTINGS, before=once.files, own=(PYMCA,), key=ESRF_LIST, at=then
    )

    assert again == once


def test_a_list_that_begins_anew_begins_where_sites_have_not_been(agreed: Agreed) -> None:
    nobody = Keys(ONLINE, {})
    first = refreshed(agreed, gathered={"esrf": partners_list(7)}, keys=nobody).files
    anew = Settings(namespace="esrf", least_version=8)

    made = online.refresh_list("esrf", anew, before={}, own=(), key=ESRF_LIST, at=NOW)
    again = online.refresh_list("esrf", anew, before=made.files, own=(), key=ESRF_LIST, at=NOW)

    second = refreshed(agreed, first, gathered={"esrf": made.files["esrf.json"]}, keys=nobody)
    assert (second.notes, "8.esrf.json" in second.files) == ((), True)
    assert again == made


def test_a_partner_that_does_not_answer_keeps_its_last_list(agreed: Agreed, tmp_path: Path) -> None:
    nobody = Keys(ONLINE, {})
    first = refreshed(agreed, gathered={"esrf": partners_list()}, keys=nobody).files

    gathered, notes = online.gather([Partner("esrf", str(tmp_path / "nowhere"))])
    second = refreshed(agreed, first, gathered=gathered, keys=nobody).files

    assert "cannot be read, its last list stays" in notes[0]
    assert second == first


@pytest.mark.parametrize(
    ("shown", "note"),
    [
        (partners_list(3, signer("a thief")), "esrf: what it publishes is not signed by its key"),
        (partners_list(1), "esrf: version 1 is older than what is published; that stays"),
        (b"{}", "esrf: what it publishes is not signed by its key"),
    ],
)
def test_what_a_partner_may_not_publish_is_left_out(
    agreed: Agreed, shown: bytes, note: str
) -> None:
    nobody = Keys(ONLINE, {})
    first = refreshed(agreed, gathered={"esrf": partners_list(2)}, keys=nobody).files

    second = refreshed(agreed, first, gathered={"esrf": shown}, keys=nobody)

    assert second.files == first
    assert note in second.notes[0]


def test_a_partner_that_has_published_nothing_is_no_trouble(agreed: Agreed, tmp_path: Path) -> None:
    files = refreshed(agreed, keys=Keys(ONLINE, {})).files

    federation = seen(agreed, files, tmp_path)

    assert federation.listed("esrf") == ()
    with pytest.raises(Refused, match="it has published nothing yet"):
        federation.find("esrf", "pymca", "5.9.4", "pymca.sif")


def test_a_namespace_that_is_gone_stays_in_the_snapshot(tmp_path: Path, agreed: Agreed) -> None:
    """Sites take a file that is missing there for an attack, and would refuse everything."""
    first = refreshed(agreed).files
    seen(agreed, first, tmp_path).find("esrf", "pymca", "5.9.4", "pymca.sif")
    after = charter.remove_key(charter_of(agreed), ESRF_LIST.public_key)
    proposal = ceremony.propose(agreed, after, at=NOW, why="it ends")
    then = in_force(tmp_path / "federation", agreed, proposal, SEATS["ESRF"], SEATS["ILL"])

    second = refreshed(then, first).files

    assert [each.name for each in seen(agreed, second, tmp_path).namespaces] == ["core"]


def test_a_thief_of_the_online_key_who_counts_up_locks_nobody_out(
    tmp_path: Path, agreed: Agreed
) -> None:
    first = dict(refreshed(agreed).files)
    stolen = Metadata.from_bytes(first["timestamp.json"])
    stolen.signed.version = 10_000
    stolen.sign(ONLINE)
    forged = {**first, "timestamp.json": stolen.to_bytes()}
    seen(agreed, forged, tmp_path)
    new = signer("online")
    after = charter.replace_key(charter_of(agreed), ONLINE.public_key, new.public_key)
    proposal = ceremony.propose(agreed, after, at=NOW, why="stolen")
    then = in_force(tmp_path / "federation", agreed, proposal, SEATS["ESRF"], SEATS["ILL"])

    second = refreshed(then, first, keys=Keys(new, {"esrf": ESRF_LIST})).files

    assert seen(agreed, second, tmp_path).root_version == 2


@pytest.mark.parametrize(
    ("keys", "kind", "reason"),
    [
        (Keys(None, {}), UserError, "has to be signed, and its key is not here"),
        (Keys(signer("online"), {}), Refused, "may not sign the snapshot by root 1"),
    ],
)
def test_without_the_right_key_nothing_is_published(
    agreed: Agreed, keys: Keys, kind: type[UserError], reason: str
) -> None:
    with pytest.raises(kind, match=reason):
        refreshed(agreed, keys=keys)


def test_a_replaced_key_of_a_namespace_signs_its_list_anew(tmp_path: Path, agreed: Agreed) -> None:
    first = refreshed(agreed).files
    new = signer("ESRF")
    after = charter.replace_key(charter_of(agreed), ESRF_LIST.public_key, new.public_key)
    proposal = ceremony.propose(agreed, after, at=NOW, why="the yearly change")
    then = in_force(tmp_path / "federation", agreed, proposal, SEATS["ESRF"], SEATS["ILL"])

    second = refreshed(then, first, keys=Keys(ONLINE, {"esrf": new})).files

    assert "2.esrf.json" in second
    assert seen(agreed, second, tmp_path).find("esrf", "pymca", "5.9.4", "pymca.sif") == PYMCA


def test_core_is_listed_when_two_facilities_have_signed(tmp_path: Path, agreed: Agreed) -> None:
    gemmi = Target("core/gemmi/1/gemmi.sif", 1, "c" * 64, "software.pan.local", "images/gemmi.sif")
    proposal = ceremony.propose_list(agreed, "core", (gemmi,), version=2, at=NOW)
    half = ceremony.sign(agreed, proposal, SEATS["ILL"], expect=proposal.id, at=NOW)

    with pytest.raises(Refused, match=r"core was signed by 1/2"):
        documents.put_in_force(tmp_path / "federation", half)
    then = in_force(tmp_path / "federation", agreed, half, SEATS["ESRF"])

    files = refreshed(then).files
    assert seen(agreed, files, tmp_path).find("core", "gemmi", "1", "gemmi.sif") == gemmi
    assert key("ILL").keyid in Metadata.from_bytes(files["2.core.json"]).signatures
