# SPDX-License-Identifier: BSD-3-Clause
"""The drill of docs/federation.md in one go: three facilities, one loses its key, one leaves, one joins.

Everything is done by the commands of the page. Two sites look on: one from the first day, and one that wakes
up at the end with nothing but the first root. Nobody does anything at a site.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.state import State
from catalog.entry import write_entry
from core.errors import EXIT_DONE, EXIT_REFUSED, Refused
from pansoft import clock, federation, target
from pansoft.cli import invoke
from tests.catalog import samples
from trust.federation.client import Federation, open_federation

ROOT = Path(__file__).parents[2]
BEGIN = datetime(2027, 1, 4, 9, tzinfo=UTC)
IMAGE, STATEMENT = b"gemmi, built and signed", b'{"what": "is said of it"}'

pytestmark = pytest.mark.needs("apptainer", "gpg")


class Drill:
    """A project and its state, the keys of each facility at home, and a clock that can be moved."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.project = folder / "project"
        self.state = State(folder / "var")
        self.capsys = capsys
        self.at = BEGIN
        (self.project / "recipes").mkdir(parents=True)
        policy = self.project / "trust-policy"
        policy.mkdir()
        (policy / "policy.yaml").write_bytes((ROOT / "trust-policy/policy.yaml").read_bytes())
        (policy / "federation.yaml").write_text("schema: 1\nnamespace: core\ncoordinator: true\n")

    def run(self, *words: str, expect: int = EXIT_DONE) -> str:
        """Run a command in the project, and return what it says."""
        code = invoke(
            ["--project", str(self.project), "--state", str(self.state.folder), "-q", *words]
        )
        said = self.capsys.readouterr()

        assert code == expect, said
        return said.out + said.err

    def home(self, facility: str) -> Path:
        """Return the folder of a facility, which no other can read."""
        return self.folder / facility

    def make_key(self, facility: str, name: str) -> Path:
        """Let a facility make a key at home, and return the public half."""
        home = self.home(facility)
        home.mkdir(mode=0o700, exist_ok=True)
        passphrase = home / "passphrase"
        if not passphrase.exists():
            passphrase.touch(mode=0o600)
            passphrase.write_text(f"a secret of {facility}\n")
        invoke(
            [
                *("--project", str(self.project), "--state", str(home), "trust"),
                *("federation-key", name, "--passphrase-file", str(passphrase)),
                *("--output", str(home)),
            ]
        )
        return home / f"{name}.pub"

    def make_online_key(self, name: str) -> Path:
        self.run("trust", "federation-key", name, "--pipeline", "--output", str(self.folder))
        return self.folder / f"{name}.pub"

    def sign(self, facility: str, name: str | None = None) -> bool:
        """Let a facility read what is proposed and sign it; return whether it is in force by that."""
        proposal = json.loads(self.run("trust", "sign-metadata", "--json"))["proposal"]
        home = self.home(facility)
        said = self.run(
            *("trust", "sign-metadata", "--json", "--expect", proposal),
            *("--key", str(home / "keys" / "federation" / f"{name or facility.lower()}.pem")),
            *("--passphrase-file", str(home / "passphrase")),
        )
        return bool(json.loads(said)["in_force"])

    def publish(self, *, days: float = 0) -> None:
        """Let days pass, and the pipeline publish."""
        self.at += timedelta(days=days)
        self.run("apply")

    def put_package(self) -> None:
        """Put a package into the repository, as an earlier publication would have."""
        entry = samples.entry("gemmi", "0.7.5")
        place = f"images/{entry.name}/{entry.version}"
        with target.backend_of(self.state, at=self.at).transaction(
            at=self.at, message="gemmi"
        ) as tx:
            tx.put_bytes(IMAGE, entry.image.path)
            tx.put_bytes(STATEMENT, f"{entry.image.path}.statement.json")
            tx.put_bytes(write_entry(entry), f"{place}/entry.json")

    def mirror(self) -> Path:
        """Return the metadata as a mirror of the repository shows it now."""
        folder = self.folder / "mirror"
        for name, content in federation.published_files(self.state, at=self.at).items():
            folder.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        return folder


class Site:
    """A site that was given the first root, once."""

    def __init__(self, drill: Drill, name: str) -> None:
        self.drill, self.cache = drill, drill.folder / name
        self.root = (drill.project / "trust-policy/federation/1.root.json").read_bytes()

    def look(self) -> Federation:
        """Return the federation as it is now."""
        return open_federation(self.root, self.drill.mirror(), cache=self.cache, at=self.drill.at)

    def knows_gemmi(self) -> bool:
        """Return whether the federation answers for the package."""
        found = self.look().find("core", "gemmi", "0.7.5", "gemmi.sif.statement.json")
        found.check(STATEMENT)
        return True


@pytest.fixture
def drill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Drill:
    made = Drill(tmp_path, capsys)
    monkeypatch.setattr(clock, "now", lambda: made.at)
    return made


def test_a_federation_lives_through_lost_keys_and_changing_partners(drill: Drill) -> None:
    seats = {name: drill.make_key(name, name.lower()) for name in ("ESRF", "ILL", "DESY")}
    online = drill.make_online_key("online")
    drill.run(
        *("trust", "found", "--online", str(online)),
        *(word for name, key in seats.items() for word in ("--seat", f"{name}={key}")),
    )
    assert not drill.sign("ESRF")
    assert drill.sign("ILL")
    ill_list = drill.make_key("ILL", "ill-list")
    drill.run(
        *("trust", "delegate", "ill", "--facility", "ILL", "--key", str(ill_list)),
        *("--why", "ILL publishes its own"),
    )
    assert not drill.sign("DESY")
    assert drill.sign("ILL")
    drill.put_package()
    drill.publish()
    drill.run("trust", "offer", "core")
    assert not drill.sign("ESRF")
    assert drill.sign("ILL")
    drill.publish()
    site = Site(drill, "site")

    assert site.knows_gemmi()
    assert [each.name for each in site.look().namespaces] == ["core", "ill"]

    # DESY has lost its key: the other two sign, and DESY's new key counts
    drill.publish(days=1)
    new = drill.make_key("DESY", "desy-2027")
    drill.run("trust", "rotate", "DESY", str(new), "--why", "the old key is lost")
    assert not drill.sign("ESRF")
    assert drill.sign("ILL")
    drill.publish(days=1)
    assert site.knows_gemmi()
    assert site.look().root_version == 2

    # ILL leaves: its seat, its say in core and its namespace go with it
    drill.run("trust", "revoke", "ILL", "--why", "ILL leaves")
    assert not drill.sign("ESRF")
    assert drill.sign("DESY", "desy-2027")
    drill.publish(days=1)
    assert site.knows_gemmi()
    assert site.look().facilities == ("DESY", "ESRF")
    with pytest.raises(Refused, match="delegates no namespace 'ill'"):
        site.look().find("ill", "mantid", "6.1", "mantid.sif")

    # ALBA joins, with a seat
    alba = drill.make_key("ALBA", "alba")
    drill.run(
        *("trust", "delegate", "root", "--facility", "ALBA", "--key", str(alba)),
        *("--why", "ALBA joins"),
    )
    assert not drill.sign("ESRF")
    assert drill.sign("DESY", "desy-2027")
    drill.publish(days=1)
    assert site.look().facilities == ("ALBA", "DESY", "ESRF")

    # the key of the timestamp was stolen: with another one the thief's counts no more
    stolen = drill.mirror() / "timestamp.json"
    drill.make_online_key("online-2")
    old_key = drill.state.keys / "federation" / "online.pem"
    drill.run(
        *("trust", "rotate", "online", str(drill.folder / "online-2.pub")),
        *("--why", "the pipeline was broken into"),
    )
    assert not drill.sign("ALBA")
    assert drill.sign("ESRF")
    old_key.with_name("online-2.pem").replace(old_key)
    drill.publish(days=1)
    assert site.knows_gemmi()
    now = stolen.read_bytes()
    stolen.write_bytes(_forged(drill, now))
    refused_as = "without enough good signatures"
    with pytest.raises(Refused, match=refused_as):
        open_federation(
            site.root, drill.folder / "mirror", cache=drill.folder / "third", at=drill.at
        )
    stolen.write_bytes(now)

    # months pass: what the pipeline signs is renewed by itself, and a site that slept wakes up
    for _ in range(6):
        drill.publish(days=9)
    assert site.knows_gemmi()
    assert Site(drill, "sleeper").knows_gemmi()
    assert Site(drill, "sleeper").look().root_version == 5
    status = json.loads(drill.run("trust", "status", "--json"))
    assert status["federation"]["alarms"] == []
    drill.at += timedelta(days=4)
    assert "ALARM: timestamp" in drill.run("trust", "status", expect=EXIT_REFUSED)


def _forged(drill: Drill, timestamp: bytes) -> bytes:
    """Return a timestamp that says what the true one says, signed by nobody who counts."""
    forged = json.loads(timestamp)
    forged["signed"]["version"] += 1
    return json.dumps(forged).encode()


def test_a_weaker_federation_is_not_made_in_silence(drill: Drill) -> None:
    seats = {name: drill.make_key(name, name.lower()) for name in ("ESRF", "ILL", "DESY")}
    online = drill.make_online_key("online")
    drill.run(
        *("trust", "found", "--online", str(online), "--threshold", "3"),
        *(word for name, key in seats.items() for word in ("--seat", f"{name}={key}")),
    )
    assert [drill.sign(name) for name in seats] == [False, False, True]
    lower = ("trust", "delegate", "root", "--threshold", "2", "--why", "three are hard to find")

    said = drill.run(*lower, expect=EXIT_REFUSED)
    assert "root needs 2 signatures in place of 3, and nobody says why" in said
    said = drill.run(*lower[:4], "1", *lower[5:], "--weaken", "one is enough", expect=EXIT_REFUSED)
    assert "root needs two facilities at least" in said

    said = drill.run(*lower, "--weaken", "holidays")
    assert "WEAKER: root needs 2 signatures in place of 3" in said
    assert "weakened because: holidays" in said
    assert [drill.sign(name) for name in seats] == [False, False, True]
