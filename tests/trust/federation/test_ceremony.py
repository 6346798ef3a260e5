# SPDX-License-Identifier: BSD-3-Clause
"""A change from its proposal to the last signature, and everything that may not happen on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata

from core.errors import Refused, UserError
from tests.federations import NOW, signer
from tests.trust.federation.ceremonies import (
    ESRF_LIST,
    ONLINE,
    SEATS,
    first_charter,
    founded,
    in_force,
    key,
    with_esrf,
)
from trust.federation import ceremony, changes, charter, documents, known_roots
from trust.federation.ceremony import needs, propose, sign
from trust.federation.rules import charter_of


def test_a_founding_is_signed_by_the_facilities_it_names(tmp_path: Path) -> None:
    proposal = propose(None, first_charter(), at=NOW, why="the founding")

    half = sign(None, proposal, SEATS["ILL"], expect=proposal.id, at=NOW)

    assert [(n.role, n.by, n.threshold, n.signed, n.missing) for n in needs(None, half)] == [
        ("root", "root 1", 2, ("ILL",), ("DESY", "ESRF")),
        ("targets", "root 1", 2, ("ILL",), ("DESY", "ESRF")),
        ("core", "targets 1", 2, ("ILL",), ("DESY", "ESRF")),
    ]
    assert not ceremony.is_complete(None, half)
    assert half.id == proposal.id
    with pytest.raises(Refused, match="is not signed by those who answer for it"):
        documents.put_in_force(tmp_path / "federation", half)
    assert not (tmp_path / "federation").exists()


def test_a_lost_key_is_replaced_by_the_others(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation")
    new = signer("DESY")
    after = charter.replace_key(charter_of(agreed), key("DESY"), new.public_key)
    proposal = propose(agreed, after, at=NOW, why="lost")

    agreed = in_force(tmp_path / "federation", agreed, proposal, SEATS["ESRF"], SEATS["ILL"])

    assert agreed.root.version == 2
    assert {k.keyid for k in charter_of(agreed).keys_of("root")} == {
        key("ESRF").keyid,
        key("ILL").keyid,
        new.public_key.keyid,
    }


def test_what_would_not_be_believed_any_more_is_signed_again(tmp_path: Path) -> None:
    """ESRF and DESY signed the lists; when ESRF goes, one signature of two would be left."""
    agreed = founded(tmp_path / "federation")
    after = charter.remove_key(charter_of(agreed), key("ESRF"))

    proposal = propose(agreed, after, at=NOW, why="ESRF leaves")

    assert sorted(proposal.documents) == ["core", "root", "targets"]


def test_a_new_root_needs_the_old_and_the_new_facilities(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation")
    alba, bessy = signer("ALBA"), signer("BESSY")
    after = charter_of(agreed)
    for old, new in (("DESY", alba), ("ESRF", bessy)):
        after = charter.replace_key(after, key(old), new.public_key)
    proposal = propose(agreed, after, at=NOW, why="a change of guards")
    for each in (alba, bessy):
        proposal = sign(agreed, proposal, each, expect=proposal.id, at=NOW)

    [old_need] = [n for n in needs(agreed, proposal) if n.by == "root 1"]

    assert (old_need.signed, old_need.threshold, old_need.is_met) == ((), 2, False)
    assert not ceremony.is_complete(agreed, proposal)


def test_who_signs_sees_what_changes(tmp_path: Path) -> None:
    agreed = with_esrf(tmp_path / "federation")
    new = signer("DESY").public_key
    after = charter.replace_key(charter_of(agreed), key("DESY"), new)
    after = charter.remove_key(after, ESRF_LIST.public_key)

    words = changes.in_words(agreed, propose(agreed, after, at=NOW, why="two things"))

    new_id, old_id = new.keyid[:8], key("DESY").keyid[:8]
    assert words == (
        "for: two things",
        f"core: + key {new_id} of DESY",
        f"core: - key {old_id} of DESY",
        "core: 2 of 3 sign, 2 of 3 before",
        "esrf/ is delegated to nobody any more: what it lists counts no longer",
        f"root: + key {new_id} of DESY",
        f"root: - key {old_id} of DESY",
        "root: 2 of 3 sign, 2 of 3 before",
        f"targets: + key {new_id} of DESY",
        f"targets: - key {old_id} of DESY",
        "targets: 2 of 3 sign, 2 of 3 before",
        "core: the same 0 files, to be signed by those who count now",
        "root 2 counts until 2027-11-22",
        "targets 3 counts until 2027-11-22",
        "core 2 counts until 2027-05-21",
        "if nobody signs: root 1 counts until 2027-11-22, the delegations until 2027-11-22; then no"
        " site accepts anything of the federation",
    )


def test_who_signs_sees_all_of_it_and_not_the_changes_alone(tmp_path: Path) -> None:
    agreed = with_esrf(tmp_path / "federation")
    proposal = propose(agreed, charter_of(agreed), at=NOW, why="renewal", renew=True)

    lines = changes.afterwards(agreed, proposal)

    seats = ", ".join(f"{name} {key(name).keyid[:8]}" for name in sorted(SEATS))
    online = f"1 of online {ONLINE.public_key.keyid[:8]}"
    assert lines == (
        f"root: 2 of {seats}",
        f"snapshot: {online}",
        f"targets: 2 of {seats}",
        f"timestamp: {online}",
        f"core: 2 of {seats}",
        f"esrf: 1 of ESRF {ESRF_LIST.public_key.keyid[:8]}",
    )


def test_another_proposal_than_the_one_that_was_read_is_not_signed(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation")
    read = propose(agreed, charter_of(agreed), at=NOW, why="renewal", renew=True)
    now = propose(agreed, charter_of(agreed), at=NOW, why="something else", renew=True)

    with pytest.raises(Refused, match="this is not the proposal that was read"):
        sign(agreed, now, SEATS["ESRF"], expect=read.id, at=NOW)


def test_a_key_without_a_say_signs_nothing(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation")
    proposal = propose(agreed, charter_of(agreed), at=NOW, why="renewal", renew=True)

    for stranger in (signer("ALBA"), ONLINE):
        with pytest.raises(UserError, match="has no say in what is proposed"):
            sign(agreed, proposal, stranger, expect=proposal.id, at=NOW)


def test_a_signature_is_of_one_facility_however_often_it_signs(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation")
    proposal = propose(agreed, charter_of(agreed), at=NOW, why="renewal", renew=True)

    for _ in range(2):
        proposal = sign(agreed, proposal, SEATS["ESRF"], expect=proposal.id, at=NOW)

    assert not ceremony.is_complete(agreed, proposal)


def test_no_change_is_no_proposal(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation")

    with pytest.raises(UserError, match="nothing would change"):
        propose(agreed, charter_of(agreed), at=NOW, why="nothing")


def test_what_is_agreed_is_read_back(tmp_path: Path) -> None:
    written = with_esrf(tmp_path / "federation")

    read = documents.load_agreed(tmp_path / "federation")

    assert read == written
    assert sorted(file.name for file in (tmp_path / "federation").iterdir()) == [
        "1.root.json",
        "core.json",
        "targets.json",
    ]


@pytest.mark.parametrize(
    ("name", "spoil", "reason"),
    [
        (
            "1.root.json",
            lambda text: text.replace('"threshold": 2', '"threshold": 1'),
            "not signed",
        ),
        ("targets.json", lambda text: text.replace("core/*/*/*", "*/*/*/*"), "not signed by those"),
        ("core.json", lambda text: text.replace("2027", "2037"), "not signed by those"),
        ("core.json", lambda text: text[:50], "is not metadata of a federation"),
        ("targets.json", lambda text: None, "targets.json is missing"),
    ],
)
def test_an_edited_folder_is_refused(tmp_path: Path, name: str, spoil: object, reason: str) -> None:
    founded(tmp_path / "federation")
    file = tmp_path / "federation" / name
    assert callable(spoil)
    text = spoil(file.read_text())
    file.unlink() if text is None else file.write_text(text)

    with pytest.raises(Refused, match=reason):
        documents.load_agreed(tmp_path / "federation")


def test_a_root_that_is_missing_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "federation"
    agreed = founded(folder)
    proposal = propose(agreed, charter_of(agreed), at=NOW, why="renewal", renew=True)
    in_force(folder, agreed, proposal, SEATS["ESRF"], SEATS["ILL"])
    (folder / "1.root.json").unlink()

    with pytest.raises(Refused, match=r"a root is missing in .*: there are 2"):
        documents.load_agreed(folder)


def test_a_proposal_is_kept_with_its_signatures(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation")
    proposal = propose(agreed, charter_of(agreed), at=NOW, why="renewal", renew=True)
    proposal = sign(agreed, proposal, SEATS["ESRF"], expect=proposal.id, at=NOW)

    documents.write_proposal(tmp_path / "federation", proposal)
    read = documents.load_proposal(tmp_path / "federation")

    assert read == proposal
    assert read is not None
    assert read.id == proposal.id
    documents.withdraw(tmp_path / "federation")
    assert documents.load_proposal(tmp_path / "federation") is None


def test_a_proposal_of_what_the_pipeline_signs_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "federation"
    founded(folder)
    (folder / "proposed").mkdir()
    (folder / "proposed" / "timestamp.json").write_bytes((folder / "core.json").read_bytes())

    with pytest.raises(Refused, match="nobody signs the timestamp by ceremony"):
        documents.load_proposal(folder)


def test_what_is_written_is_metadata_for_everybody(tmp_path: Path) -> None:
    founded(tmp_path / "federation")

    text = (tmp_path / "federation" / "1.root.json").read_bytes()

    assert Metadata.from_bytes(text).signed.type == "root"
    assert json.loads(text)["signed"]["spec_version"].startswith("1.0")


def test_another_history_than_was_seen_before_is_refused(tmp_path: Path) -> None:
    """A takeover from the first root on looks like no change at all to who sees changes only."""
    seen = tmp_path / "known-roots.json"
    mine = founded(tmp_path / "mine")
    known_roots.check(seen, mine)
    known_roots.remember(seen, mine)
    proposal = propose(mine, charter_of(mine), at=NOW, why="renewal", renew=True)
    renewed = in_force(tmp_path / "mine", mine, proposal, SEATS["ESRF"], SEATS["ILL"])
    known_roots.check(seen, renewed)
    known_roots.remember(seen, renewed)

    with pytest.raises(Refused, match="root 2 is missing: this is not the federation"):
        known_roots.check(seen, mine)
    with pytest.raises(Refused, match="root 1 is another one: this is not the federation"):
        known_roots.check(seen, founded(tmp_path / "another", threshold=3))


def test_a_memory_that_cannot_be_read_is_no_memory(tmp_path: Path) -> None:
    (tmp_path / "known-roots.json").write_text("{")

    with pytest.raises(UserError, match="does not say which roots were seen here"):
        known_roots.check(tmp_path / "known-roots.json", founded(tmp_path / "mine"))
