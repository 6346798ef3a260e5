# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from builder.state import State
from core.errors import UserError
from cvmfs.backends.cvmfs_server import CvmfsServer
from cvmfs.backends.gateway import ThroughGateway
from cvmfs.backends.native import Native
from pansoft import cli, embedded, target

AT = datetime.now(UTC).replace(microsecond=0)
THEIRS = """\
schema: 1
repository:
  name: software.example.org
  stratum0: http://127.0.0.1:1/cvmfs/software.example.org
  public_key: /keys/software.example.org.pub
  wait: 2
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """Give a state folder with nothing in it."""
    monkeypatch.delenv("PANSOFT_SITE", raising=False)
    monkeypatch.delenv("PANSOFT_GATEWAY_KEY", raising=False)
    return State(tmp_path)


def test_without_settings_it_is_the_embedded_one(state: State) -> None:
    assert not target.exists(state)

    backend = target.backend_of(state, at=AT)

    assert isinstance(backend, Native)
    assert target.fqrn(state) == backend.fqrn == embedded.FQRN
    assert target.exists(state)
    with target.read(state, at=AT) as reader:
        assert reader.revision == 1


@pytest.mark.parametrize("verb", ["check", "log"])
def test_verbs_that_look_read_it(
    state: State, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    backend = target.backend_of(state, at=AT)
    with backend.transaction(at=AT, message="publish x 1.0") as tx:
        tx.put_bytes(b"1\n", "images/x/1.0/x")

    assert cli.invoke(["--state", str(state.folder), "repo", verb]) == 0

    assert {"check": "revision 2 of", "log": "publish x 1.0"}[verb] in capsys.readouterr().out


def test_steps_make_nothing(state: State) -> None:
    steps = target.steps(state, ["images/x/1.0"], message="publish x 1.0", at=AT)

    assert steps[0] == f"put objects for /images/x/1.0 into {state.repository / 'data'}"
    assert not target.exists(state)


def test_cvmfs_server_of_a_facility(state: State) -> None:
    (state.folder / "site.yaml").write_text(THEIRS + "  backend: cvmfs_server\n")

    backend = target.backend_of(state, at=AT)

    assert isinstance(backend, CvmfsServer)
    assert (backend.fqrn, backend.wait_s) == ("software.example.org", 120)
    assert target.exists(state)
    assert target.public_key(state) == Path("/keys/software.example.org.pub")
    assert target.steps(state, ["trust"], message="m", at=AT)[:2] == (
        "cvmfs_server transaction -t 120 software.example.org",
        "# copy to /cvmfs/software.example.org/trust",
    )


def test_gateway_of_a_facility(state: State, tmp_path: Path) -> None:
    key = tmp_path / "repo.gw"
    key.write_text("plain_text publisher between-us\n")
    key.chmod(0o600)
    (state.folder / "site.yaml").write_text(
        f"{THEIRS}  backend: gateway\n  gateway: http://127.0.0.1:1/api/v1\n  gateway_key: {key}\n"
    )

    backend = target.backend_of(state, at=AT)

    assert isinstance(backend, ThroughGateway)
    assert backend.settings.wait_s == 120.0
    steps = "\n".join(target.steps(state, ["trust"], message="m", at=AT))
    assert "POST http://127.0.0.1:1/api/v1/leases" in steps
    assert "between-us" not in steps


def test_steps_need_no_key(state: State) -> None:
    (state.folder / "site.yaml").write_text(
        THEIRS
        + "  backend: gateway\n  gateway: http://127.0.0.1:1/api/v1\n  gateway_key: /no/key.gw\n"
    )

    assert target.steps(state, ["trust"], message="m", at=AT)
    with pytest.raises(UserError, match=r"/no/key\.gw is missing"):
        target.backend_of(state, at=AT)


def test_facility_that_does_not_answer_is_explained(state: State) -> None:
    (state.folder / "site.yaml").write_text(THEIRS + "  backend: cvmfs_server\n")
    (state.folder / "x.pub").write_text("no key")

    with pytest.raises(UserError):
        target.read(state, at=AT)
