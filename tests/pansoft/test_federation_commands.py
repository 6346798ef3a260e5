# SPDX-License-Identifier: BSD-3-Clause
"""The verbs of the federation as they are used, and a partner whose list the coordinator gathers."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.state import State
from catalog.entry import write_entry
from core.errors import EXIT_DONE, EXIT_REFUSED, EXIT_USER
from cvmfs.reading.reader import Reader
from pansoft import clock, federation, target
from pansoft.cli import invoke
from tests.catalog import samples
from trust.federation.client import open_federation
from trust.federation.settings import Settings

ROOT = Path(__file__).parents[2]
NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)


class Project:
    """A checkout with its state, in which commands are run."""

    def __init__(
        self, folder: Path, capsys: pytest.CaptureFixture[str], settings: str = ""
    ) -> None:
        self.folder, self.capsys = folder, capsys
        self.state = State(folder / "var")
        self.policy = folder / "trust-policy"
        (folder / "recipes").mkdir(parents=True)
        self.policy.mkdir()
        text = (ROOT / "trust-policy/policy.yaml").read_bytes()
        (self.policy / "policy.yaml").write_bytes(text)
        if settings:
            (self.policy / "federation.yaml").write_text(f"schema: 1\n{settings}")

    def run(self, *words: str, expect: int = EXIT_DONE) -> str:
        """Run a command and return what it says."""
        state = str(self.state.folder)
        code = invoke(["--project", str(self.folder), "--state", state, "-q", *words])
        said = self.capsys.readouterr()

        assert code == expect, said
        return said.out + said.err

    def trust(self, *words: str, expect: int = EXIT_DONE) -> str:
        """Run a verb of `pansoft trust`."""
        return self.run("trust", *words, expect=expect)

    def key(self, name: str) -> Path:
        """Make a key and return its public half."""
        self.trust("federation-key", name, "--pipeline", "--output", str(self.folder))
        return self.folder / f"{name}.pub"

    def secret(self, name: str) -> str:
        """Return the file of a key's secret half."""
        return str(self.state.keys / "federation" / f"{name}.pem")

    def found(self) -> None:
        """Propose a federation of ESRF and ILL."""
        for name in ("esrf", "ill", "online"):
            self.key(name)
        seats = [f"--seat={name.upper()}={self.folder}/{name}.pub" for name in ("esrf", "ill")]
        self.trust("found", *seats, f"--online={self.folder}/online.pub")

    def sign(self, *names: str) -> None:
        """Let keys sign what is proposed."""
        for name in names:
            proposal = json.loads(self.trust("sign-metadata", "--json"))["proposal"]
            self.trust("sign-metadata", "--key", self.secret(name), "--expect", proposal)

    def put(self, name: str, version: str) -> None:
        """Put a version into the repository, as an earlier publication would have."""
        entry = samples.entry(name, version)
        with target.backend_of(self.state, at=NOW).transaction(at=NOW, message=name) as tx:
            tx.put_bytes(b"an image", entry.image.path)
            tx.put_bytes(b"{}", f"{entry.image.path}.statement.json")
            tx.put_bytes(write_entry(entry), f"{entry.folder}/entry.json")

    def published(self, folder: Path) -> Path:
        """Write the metadata that is published to a folder, as a mount would show it."""
        folder.mkdir(exist_ok=True)
        for name, content in federation.published_files(self.state, at=NOW).items():
            (folder / name).write_bytes(content)
        return folder


@pytest.fixture
def project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Project:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return Project(tmp_path / "project", capsys, "namespace: core\ncoordinator: true\n")


def test_a_founding_says_who_signs_what_and_how(project: Project) -> None:
    project.found()

    said = project.trust("sign-metadata").splitlines()

    assert said[:2] == ["what is proposed:", "  for: the founding"]
    assert "  root: 2 of 2 sign" in said
    assert "  core/ is a namespace" in said
    assert "who has which say then:" in said
    assert "  root 1, by root 1: 0 of 2; still 2 of ESRF, ILL" in said
    assert said[-1].startswith("  pansoft trust sign-metadata --key FILE --expect ")


def test_what_was_not_read_is_not_signed(project: Project) -> None:
    project.found()

    unsaid = project.trust("sign-metadata", "--key", project.secret("esrf"), expect=EXIT_USER)
    other = project.trust(
        *("sign-metadata", "--key", project.secret("esrf"), "--expect", "0" * 64),
        expect=EXIT_REFUSED,
    )

    assert "say which proposal you have read" in unsaid
    assert "this is not the proposal that was read" in other


def test_the_last_signature_puts_it_in_force(project: Project) -> None:
    project.found()
    project.sign("esrf", "ill")

    status = json.loads(project.trust("status", "--json"))["federation"]

    roles = {role["role"]: role for role in status["roles"]}
    assert [key["facility"] for key in roles["root"]["keys"]] == ["ESRF", "ILL"]
    assert (roles["root"]["version"], roles["timestamp"]["version"]) == (1, None)
    assert status["proposal"] is None
    assert status["alarms"] == []
    assert "all 2 keys have to sign" in status["advice"][0]


def test_status_knows_the_federation_where_the_whitelist_has_expired(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.found()
    project.sign("esrf", "ill")
    project.put("plotter", "1.0")
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=31))

    said = project.trust("status", expect=EXIT_REFUSED)

    assert "ALARM: the whitelist of software.pansoft.local has expired" in said
    assert "  root: 2 of 2 sign; version 1 counts until" in said


def test_a_second_proposal_waits_for_the_first(project: Project) -> None:
    project.found()
    project.sign("esrf", "ill")
    project.trust("rotate", "--renew")

    said = project.trust("rotate", "--renew", expect=EXIT_USER)
    waiting = project.trust("status")
    project.trust("sign-metadata", "--withdraw")

    assert "something else is proposed already" in said
    assert "waiting for signatures:" in waiting
    assert "  root 2, by root 1: 0 of 2; still 2 of ESRF, ILL" in waiting
    assert "nothing is proposed" in project.trust("sign-metadata", expect=EXIT_USER)


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("found", "--seat=A=esrf.pub", "--online=online.pub"), EXIT_USER, "a federation already"),
        (("revoke", "ILL", "--why=x"), EXIT_REFUSED, "root needs 2 signatures, but has 1 keys"),
        (("revoke", "DESY", "--why=x"), EXIT_USER, "no facility and no key of the federation"),
        (("rotate", "ILL", "esrf.pub", "--why=x"), EXIT_USER, "is that of ESRF in root"),
        (("rotate", "ILL"), EXIT_USER, "name the old key, the file of the new one, and why"),
        (("delegate", "x", "--why=x"), EXIT_USER, "nothing would change"),
        (("delegate", "root", "--facility=X", "--why=x"), EXIT_USER, "a facility and its key go"),
        (("delegate", "Root!", "--threshold=1", "--why=x"), EXIT_USER, "is not a namespace"),
        (
            ("delegate", "core", "--facility=ESRF", "--key=esrf.pub", "--why=x"),
            EXIT_USER,
            "is in core already",
        ),
        (("offer", "esrf"), EXIT_USER, "this project publishes nothing in esrf"),
        (("federation-key", "../x", "--pipeline"), EXIT_USER, "is not a name for a key"),
        (("federation-key", "x"), EXIT_USER, "a key is a person's, a pipeline's, or in a token"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    code: int,
    reason: str,
) -> None:
    project.found()
    project.sign("esrf", "ill")
    monkeypatch.chdir(project.folder)
    before = sorted(project.policy.rglob("*"))

    assert reason in project.trust(*words, expect=code)

    assert sorted(project.policy.rglob("*")) == before


def test_an_edited_proposal_is_not_signed(project: Project) -> None:
    project.found()
    file = project.policy / "federation" / "proposed" / "root.json"
    file.write_text(file.read_text().replace('"threshold": 2', '"threshold": 1'))

    said = project.trust("sign-metadata", expect=EXIT_REFUSED)

    assert "root needs two facilities at least, not 1" in said


def test_a_signer_who_is_shown_another_history_does_not_sign(project: Project) -> None:
    project.found()
    project.sign("esrf", "ill")
    project.trust("rotate", "--renew")
    project.sign("esrf", "ill")
    shutil.rmtree(project.policy / "federation")
    for name in ("esrf", "ill", "online"):
        file = Path(project.secret(name))
        file.rename(file.with_suffix(".real"))
    project.found()
    project.sign("esrf", "ill")
    project.trust("rotate", "--renew")
    proposal = json.loads(project.trust("sign-metadata", "--json"))["proposal"]
    own = str(Path(project.secret("esrf")).with_suffix(".real"))

    said = project.trust("sign-metadata", "--key", own, "--expect", proposal, expect=EXIT_REFUSED)

    assert "root 1 is another one: this is not the federation that was signed here before" in said


@pytest.mark.needs("apptainer", "gpg")
def test_a_partners_list_goes_through_the_coordinator_to_a_site(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mount = tmp_path / "mount"
    settings = project.policy / "federation.yaml"
    settings.write_text(
        f"{settings.read_text()}partners:\n  - namespace: ill\n    source: {mount}\n"
    )
    partner = Project(tmp_path / "partner", capsys, "namespace: ill\n")
    public = partner.key("ill")
    project.found()
    project.sign("esrf", "ill")
    project.trust("delegate", "ill", "--facility", "ILL", "--key", str(public), "--why", "joins")
    project.sign("esrf", "ill")
    partner.put("mantid", "6.1")
    partner.run("apply")
    project.put("gemmi", "0.7.5")

    before = project.run("apply")
    partner.published(mount)
    project.run("apply")
    again = project.run("apply")

    assert f"federation: ill: {mount} cannot be read, its last list stays" in before
    assert "nothing to do" in again
    site = open_federation(
        (project.policy / "federation" / "1.root.json").read_bytes(),
        project.published(tmp_path / "mirror"),
        cache=tmp_path / "cache",
        at=NOW,
    )
    found = site.find("ill", "mantid", "6.1", "mantid.sif.statement.json")
    found.check(b"{}")
    assert found.location == "images/mantid/6.1/mantid.sif.statement.json"
    files = {each.path for each in site.listed("ill")}
    assert {"ill/policy/policy.yaml", "ill/keys/software.pansoft.local.pub"} <= files


@pytest.mark.needs("apptainer", "gpg")
def test_what_is_listed_beside_the_metadata_is_fetched_by_a_site(
    project: Project, tmp_path: Path
) -> None:
    project.found()
    project.sign("esrf", "ill")
    project.put("gemmi", "0.7.5")
    project.run("apply")
    project.trust("offer", "core")
    project.sign("ill", "esrf")
    project.run("apply")

    with target.read(project.state, at=NOW) as reader:
        site = open_federation(
            (project.policy / "federation" / "1.root.json").read_bytes(),
            lambda name: _read(reader, name),
            cache=tmp_path / "cache",
            at=NOW,
        )
        key = site.fetch(site.find_key("core", "software.pansoft.local.pub"))

    assert key == target.public_key(project.state).read_bytes()


def test_the_policy_and_its_keys_are_listed_each_under_a_name_of_its_own() -> None:
    shared = {
        "trust/policy.yaml": b"the policy",
        "trust/issuers/policy.yaml": b"keys of an issuer",
        "trust/keys/esrf.asc": b"a signer's key",
        "trust/software.pan.example.org.pub": b"the repository's key",
    }
    shown = federation.Published("software.pan.example.org", (), shared, lambda _: b"")

    listed = federation.targets(shown, Settings(namespace="esrf"), "esrf", {})

    assert {each.path: each.location for each in listed} == {
        "esrf/policy/policy.yaml": "trust/policy.yaml",
        "esrf/policy/issuers+policy.yaml": "trust/issuers/policy.yaml",
        "esrf/keys/esrf.asc": "trust/keys/esrf.asc",
        "esrf/keys/software.pan.example.org.pub": "trust/software.pan.example.org.pub",
    }


def _read(reader: Reader, name: str) -> list[bytes]:
    """Return a file of the federation from the repository itself."""
    if reader.lookup(f"trust/federation/{name}") is None:
        raise FileNotFoundError(name)
    return [reader.read(f"trust/federation/{name}")]


@pytest.mark.needs("apptainer", "gpg")
def test_without_its_key_a_partner_publishes_nothing(project: Project) -> None:
    (project.policy / "federation.yaml").write_text("schema: 1\nnamespace: ill\n")
    project.put("mantid", "6.1")

    said = project.run("apply", expect=EXIT_USER)

    assert "the list of ill has to be signed, and its key is not here" in said


@pytest.mark.needs("apptainer", "gpg")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("namespace: Core\n", "namespace"),
        ("namespace: core\ntimestamp_days: 90\n", "timestamp_days"),
        ("namespace: core\nsources: []\n", "sources"),
    ],
)
def test_settings_that_are_wrong_name_the_field(project: Project, text: str, reason: str) -> None:
    (project.policy / "federation.yaml").write_text(f"schema: 1\n{text}")
    project.put("mantid", "6.1")

    said = project.run("apply", expect=EXIT_USER)

    assert "federation.yaml:" in said
    assert reason in said
