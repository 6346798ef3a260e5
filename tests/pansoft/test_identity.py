# SPDX-License-Identifier: BSD-3-Clause
"""Who publishes, from the token in the environment or a file to the evidence, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builder.state import State
from core.errors import Refused, UserError
from pansoft import cli, clock, identity
from tests.oidc_issuer import NOON, OidcIssuer, new_key, oidc_issuer
from tests.policies import policy_with
from trust.evidence import IdentityFacts
from trust.policy import TrustPolicy, load_policy

PUBLIC = "software.pan.example.org"
REPOSITORIES = [
    {"name": PUBLIC, "audience": "public"},
    {"name": "site.pan.example.org", "audience": "site"},
    {"name": "*.local", "audience": "local"},
]


@pytest.fixture
def issuer() -> Iterator[OidcIssuer]:
    with oidc_issuer() as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, issuer: OidcIssuer) -> Path:
    """A project whose release pipeline may publish."""
    (tmp_path / "project" / "recipes").mkdir(parents=True)
    policy_with(
        tmp_path / "project" / "trust-policy",
        repositories=REPOSITORIES,
        people={
            "roles": [{"name": "publisher", "means": "publishes"}],
            "issuers": [
                {"name": "gitlab", "url": issuer.url, "audience": "pansoft", "kind": "gitlab"}
            ],
            "pipelines": [
                {
                    "name": "release pipeline",
                    "issuer": "gitlab",
                    "claims": {
                        "project_path": "pan/recipes",
                        "ref": "main",
                        "ref_protected": True,
                    },
                    "roles": ["publisher"],
                    "facility": "esrf",
                }
            ],
        },
    )
    return tmp_path / "project"


@pytest.fixture
def policy(project: Path) -> TrustPolicy:
    return load_policy(project / "trust-policy")


@pytest.fixture
def state(tmp_path: Path) -> State:
    (tmp_path / "var").mkdir()
    return State(tmp_path / "var")


def publisher(
    policy: TrustPolicy,
    state: State,
    *,
    repository: str = PUBLIC,
    file: Path | None = None,
    after: timedelta = timedelta(),
) -> IdentityFacts | None:
    return identity.publisher_of(policy, state, repository=repository, file=file, at=NOON + after)


def secret(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "token.txt"
    file.write_text(f"{text}\n")
    file.chmod(mode)
    return file


def test_a_token_in_the_environment_says_which_pipeline_publishes(
    policy: TrustPolicy, state: State, issuer: OidcIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANSOFT_ID_TOKEN", issuer.gitlab())

    found = publisher(policy, state)

    assert found is not None
    assert (found.name, found.roles, found.facility) == ("release pipeline", ("publisher",), "esrf")


def test_a_token_in_a_file_goes_before_the_environment(
    policy: TrustPolicy,
    state: State,
    issuer: OidcIssuer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PANSOFT_ID_TOKEN", "nonsense")

    found = publisher(policy, state, file=secret(tmp_path, issuer.gitlab()))

    assert found is not None
    assert found.roles == ("publisher",)


def test_without_a_token_nobody_publishes(policy: TrustPolicy, state: State) -> None:
    assert publisher(policy, state) is None


@pytest.mark.parametrize("repository", ["software.pansoft.local", "site.pan.example.org"])
def test_a_repository_of_ones_own_looks_at_no_token(
    policy: TrustPolicy,
    state: State,
    issuer: OidcIssuer,
    monkeypatch: pytest.MonkeyPatch,
    repository: str,
) -> None:
    monkeypatch.setenv("PANSOFT_ID_TOKEN", "nonsense")

    assert publisher(policy, state, repository=repository) is None
    assert issuer.requests == []


def test_an_unprotected_branch_publishes_nothing(
    policy: TrustPolicy, state: State, issuer: OidcIssuer, tmp_path: Path
) -> None:
    token = issuer.gitlab(ref="topic", ref_protected="false")

    found = publisher(policy, state, file=secret(tmp_path, token))

    assert found is not None
    assert found.roles == ()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"aud": "vault"}, "for the audience 'vault'"),
        ({"iss": "https://gitlab.example.org"}, "which the policy does not list"),
        ({"at": NOON - timedelta(hours=2)}, "expired"),
        ({"at": NOON + timedelta(hours=2)}, "not valid before"),
        ({"key": new_key("first")}, "was altered"),
        ({"key": new_key("unknown")}, "the key 'unknown', which"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_token_that_is_not_to_be_believed_stops_the_publication(
    policy: TrustPolicy,
    state: State,
    issuer: OidcIssuer,
    tmp_path: Path,
    changed: dict[str, Any],
    reason: str,
) -> None:
    file = secret(tmp_path, issuer.gitlab(**changed))

    with pytest.raises(Refused, match=reason):
        publisher(policy, state, file=file)


def test_a_token_by_a_key_that_was_rotated_in_is_good(
    policy: TrustPolicy, state: State, issuer: OidcIssuer, tmp_path: Path
) -> None:
    publisher(policy, state, file=secret(tmp_path, issuer.gitlab()))
    old = issuer.rotate("second")

    later = timedelta(minutes=5)
    found = publisher(policy, state, file=secret(tmp_path, issuer.gitlab()), after=later)
    assert found is not None
    with pytest.raises(Refused, match="the key 'first', which"):
        publisher(policy, state, file=secret(tmp_path, issuer.gitlab(key=old)), after=later)


def test_a_file_that_others_can_read_is_no_secret(
    policy: TrustPolicy, state: State, issuer: OidcIssuer, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="can be read by others"):
        publisher(policy, state, file=secret(tmp_path, issuer.gitlab(), mode=0o640))


def test_a_token_is_kept_nowhere(
    policy: TrustPolicy,
    state: State,
    issuer: OidcIssuer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    token = issuer.gitlab()

    found = publisher(policy, state, file=secret(tmp_path, token))

    kept = [file.read_text() for file in state.folder.rglob("*") if file.is_file()]
    assert kept
    assert not any(
        part in text for text in [*kept, caplog.text, repr(found)] for part in token.split(".")
    )


def whoami(project: Path, tmp_path: Path, *argv: str | Path) -> int:
    where = ["-q", "--project", project, "--state", tmp_path / "var"]
    return cli.invoke([str(part) for part in (*where, "trust", "whoami", *argv)])


def test_whoami_says_what_a_token_is_worth(
    project: Path, issuer: OidcIssuer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = secret(tmp_path, issuer.gitlab(at=clock.now()))

    assert whoami(project, tmp_path, "--identity-file", file, "--json") == 0

    answer = json.loads(capsys.readouterr().out)
    assert (answer["pipeline"], answer["may_publish"]) == ("release pipeline", True)
    assert whoami(project, tmp_path, "--identity-file", file, "--issuer", "gitlab") == 0
    assert "publish   yes" in capsys.readouterr().out


def test_whoami_says_what_a_token_lacks(
    project: Path, issuer: OidcIssuer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = secret(tmp_path, issuer.gitlab(at=clock.now(), ref="topic", ref_protected="false"))

    assert whoami(project, tmp_path, "--identity-file", file) == 3

    said = capsys.readouterr().out
    assert "roles     none\npublish   no" in said
    assert "is not    release pipeline: ref is topic, not main; ref_protected is false" in said


def test_whoami_without_a_token_says_where_one_comes_from(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert whoami(project, tmp_path) == 2
    assert "the variable PANSOFT_ID_TOKEN is not set" in capsys.readouterr().err


def test_whoami_knows_the_issuers_of_the_policy(
    project: Path, issuer: OidcIssuer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert whoami(project, tmp_path, "--issuer", "github") == 2
    assert "it has: gitlab" in capsys.readouterr().err


def test_a_pipeline_of_another_audience_is_refused_by_name(
    policy: TrustPolicy, state: State, issuer: OidcIssuer, tmp_path: Path
) -> None:
    people = replace(policy.people, issuers=(replace(policy.people.issuers[0], audience="other"),))

    with pytest.raises(Refused, match="for the audience 'pansoft', not 'other'"):
        publisher(replace(policy, people=people), state, file=secret(tmp_path, issuer.gitlab()))
