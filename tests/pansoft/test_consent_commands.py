# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust approve`, `waive` and `issuer`, as people and jobs use them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pansoft import cli, clock, consent
from tests.oidc_issuer import OidcIssuer, oidc_issuer
from tests.policies import PROJECT
from tests.trust.people import PEOPLE, World, gitlab_login, person
from trust import keys
from trust.policy import load_policy

NAME = "hdf5-tools"
RULE = "no-setuid"
WHY = ("--reason", "the helper needs it; looked at", "--days", "10")

Run = Callable[..., int]


@pytest.fixture
def aai() -> Iterator[OidcIssuer]:
    with oidc_issuer() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, aai: OidcIssuer) -> World:
    """The project's recipes under a policy whose AAI is on a socket."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "recipes").symlink_to(PROJECT / "recipes")
    issuers = [{**PEOPLE["issuers"][0]}, {**PEOPLE["issuers"][1], "url": aai.url}]
    made = World(tmp_path / "project" / "trust-policy", {**PEOPLE, "issuers": issuers}, aai=aai)
    made.policy()
    return made


@pytest.fixture
def run(world: World, tmp_path: Path) -> Run:
    def invoke(*argv: str | Path) -> int:
        where = ["--project", world.folder.parent, "--state", tmp_path / "var"]
        return cli.invoke([str(part) for part in (*where, *argv)])

    return invoke


@pytest.fixture
def token(tmp_path: Path, aai: OidcIssuer) -> Callable[..., Path]:
    """Write the token of somebody who logged in for a content into a file."""

    def written(who: str, sha256: str, **more: Any) -> Path:
        file = tmp_path / f"{who}.token"
        claims: dict[str, Any] = {"at": clock.now(), "sub": f"{who}@aai", "nonce": sha256} | more
        file.write_text(aai.token(**claims))
        file.chmod(0o600)
        return file

    return written


def answer(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_two_people_waive_a_rule_one_after_the_other(
    run: Run, token: Callable[..., Path], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("trust", "waive", RULE, NAME, *WHY, "--json") == 0
    first = answer(capsys)
    assert (first["signed"], first["counts"]) == ([], False)

    sign = ("trust", "waive", RULE, NAME, "--json", "--expect", first["sha256"], "--identity-file")
    assert run(*sign, token("ada", first["sha256"])) == 0
    second = answer(capsys)
    assert [each["name"] for each in second["signed"]] == ["Ada"]
    assert second["could_sign"] == ["Bob (ill)", "a member of security group (desy)"]

    assert run(*sign, token("bob", first["sha256"])) == 0
    third = answer(capsys)
    assert (third["counts"], third["problems"]) == (True, [])
    assert third["content"] == first["content"]

    policy = load_policy(world.folder)
    said = consent.consent_in(world.folder, policy, at=clock.now())
    assert [(each.package, each.approvers) for each in said.waivers] == [(NAME, ("Ada", "Bob"))]


def test_what_is_missing_is_said_in_words(
    run: Run, token: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run("trust", "waive", RULE, NAME, *WHY)
    said = capsys.readouterr().out

    assert "it does not count yet" in said
    assert "but        2 signatures by security-officer are needed, there are 0" in said
    assert "could sign Ada (esrf), Bob (ill), a member of security group (desy)" in said
    sha256 = next(line.split()[1] for line in said.splitlines() if line.startswith("sha256"))
    assert f"pansoft:{sha256}" in said
    assert f"the nonce {sha256}" in said


def test_who_signed_already_does_not_sign_twice(
    run: Run, token: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run("trust", "waive", RULE, NAME, *WHY, "--json")
    sha256 = answer(capsys)["sha256"]
    sign = ("trust", "waive", RULE, NAME, "--json", "--identity-file")
    run(*sign, token("ada", sha256))
    file = Path(answer(capsys)["file"])
    before = file.read_bytes()

    assert run(*sign, token("ada", sha256, jti="another")) == 0

    assert file.read_bytes() == before


def test_the_first_who_signs_says_why(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("trust", "waive", RULE, NAME) == 2
    assert "the first who signs says --reason TEXT and --days N" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "field"),
    [
        (("--reason", "something else altogether"), "reason"),
        (("--days", "20"), "expires"),
    ],
)
def test_the_first_who_signs_fixes_the_content(
    run: Run, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], field: str
) -> None:
    run("trust", "waive", RULE, NAME, *WHY)
    capsys.readouterr()

    assert run("trust", "waive", RULE, NAME, *more) == 3
    assert (
        f"is there with another {field}; the first who signed fixed it" in capsys.readouterr().err
    )


def test_what_was_changed_since_it_was_shown_is_not_signed(
    run: Run, token: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run("trust", "waive", RULE, NAME, *WHY, "--json")
    shown = answer(capsys)
    file = Path(shown["file"])
    file.write_text(file.read_text().replace("the helper needs it", "the helper needs more"))

    sign = ("trust", "waive", RULE, NAME, "--expect", shown["sha256"], "--identity-file")
    assert run(*sign, token("ada", shown["sha256"])) == 3
    assert "is not what you were shown" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (
            (RULE, NAME, "--reason", "long enough to read", "--days", "31"),
            "at most 30 days, not 31",
        ),
        (("version-immutable", NAME, *WHY), "no policy lets 'version-immutable' be waived"),
        (("sbom-present", NAME, *WHY), "this policy never lets 'sbom-present' be waived"),
        (("no-such-rule", NAME, *WHY), "there is no rule 'no-such-rule'"),
    ],
)
def test_what_could_never_count_is_refused_at_once(
    run: Run,
    world: World,
    capsys: pytest.CaptureFixture[str],
    argv: tuple[str, ...],
    reason: str,
) -> None:
    assert run("trust", "waive", *argv) == 3
    assert reason in capsys.readouterr().err
    assert not (world.folder / "waivers").exists()


@pytest.mark.parametrize(
    ("who", "more", "reason"),
    [
        ("mallory", {}, "gives no role to 'mallory@aai'"),
        ("ada", {"nonce": "0" * 64}, "was not made for this content"),
        ("ada", {"at": clock.now() - timedelta(days=1)}, "expired"),
        ("ada", {"aud": "pansoft", "nonce": None}, "was not made for this content"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_token_that_does_not_fit_signs_nothing(
    run: Run,
    token: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    who: str,
    more: dict[str, Any],
    reason: str,
) -> None:
    run("trust", "waive", RULE, NAME, *WHY, "--json")
    shown = answer(capsys)
    before = Path(shown["file"]).read_bytes()

    sign = ("trust", "waive", RULE, NAME, "--identity-file")
    assert run(*sign, token(who, shown["sha256"], **more)) == 3

    assert reason in capsys.readouterr().err
    assert Path(shown["file"]).read_bytes() == before


def test_a_waiver_that_is_over_is_made_anew(
    run: Run, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    run("trust", "waive", RULE, NAME, *WHY, "--json")
    shown = answer(capsys)
    file = Path(shown["file"])
    file.write_text(file.read_text().replace(shown["content"]["expires"], "2026-01-01T00:00:00Z"))

    assert run("trust", "waive", RULE, NAME, *WHY, "--json") == 0
    assert answer(capsys)["content"]["expires"] > "2026-01-02"


def test_a_job_approves_a_plan_for_whoever_started_it(
    run: Run, world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with oidc_issuer() as gitlab:
        issuers = [{**PEOPLE["issuers"][0], "url": gitlab.url}]
        cid = person("Cid", "esrf", "release-manager", logins=[gitlab_login("cid")])
        world.people = {**PEOPLE, "issuers": issuers, "persons": [cid], "groups": []}
        world.gitlab = gitlab
        (world.folder / "issuers" / "gitlab.jwks.json").unlink()
        world.policy()
        run("trust", "approve", NAME, "--json")
        shown = answer(capsys)
        job: dict[str, Any] = {
            "at": clock.now(),
            "aud": f"pansoft:{shown['sha256']}",
            "user_login": "cid",
            "pipeline_source": "web",
        }
        monkeypatch.setenv("PANSOFT_ID_TOKEN", gitlab.gitlab(**job))

        assert run("trust", "approve", NAME, "--role", "release-manager", "--json") == 0
        done = answer(capsys)
        assert done["count"] == ["Cid"]
        assert run("trust", "approve", NAME, "--role", "security-officer") == 3
        assert "Cid has release-manager, not security-officer" in capsys.readouterr().err


@pytest.mark.needs("gpg", "apptainer")
def test_a_pgp_key_of_a_person_approves(
    run: Run, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("dan", "mallory"):
        keys.keygen(
            keys.private_folder(tmp_path / "var", name),
            name=f"{name} of DESY",
            email=f"{name}@example.org",
            public=world.folder / "keys" / f"{name}.asc",
            bits=2048,
        )
    dan = keys.open_key(keys.private_folder(tmp_path / "var", "dan"))
    fingerprint = {"fingerprint": dan.fingerprint, "key": "keys/dan.asc"}
    entry = person("Dan", "desy", "security-officer", **fingerprint)
    world.people = {**world.people, "persons": [entry]}
    world.policy()

    assert run("trust", "approve", NAME, "--key", "dan", "--json") == 0
    done = answer(capsys)
    assert done["signed"] == [{"name": "Dan", "facility": "desy", "by": f"pgp:{dan.fingerprint}"}]
    assert "-----BEGIN PGP SIGNATURE-----" in Path(done["file"]).read_text()
    assert run("trust", "approve", NAME, "--key", "mallory") == 3
    assert "which the policy does not list" in capsys.readouterr().err


def test_an_approval_says_who_signed(
    run: Run, token: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run("trust", "approve", NAME, "--json")
    sha256 = answer(capsys)["sha256"]

    assert run("trust", "approve", NAME, "--identity-file", token("ada", sha256)) == 0

    assert "signed by  Ada (esrf): security-officer" in capsys.readouterr().out


def test_a_token_in_a_file_of_approval_is_reviewed_with_the_key_that_it_is_by(
    run: Run,
    token: Callable[..., Path],
    world: World,
    aai: OidcIssuer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    aai.rotate("second")
    run("trust", "approve", NAME, "--json")
    sha256 = answer(capsys)["sha256"]

    assert run("trust", "approve", NAME, "--identity-file", token("ada", sha256)) == 0

    kids = json.loads((world.folder / "issuers" / "aai.jwks.json").read_text())["keys"]
    assert [(each["kid"], each["gone"] is None) for each in kids] == [
        ("first", False),
        ("second", True),
    ]


def test_the_reviewed_keys_of_an_issuer_are_shown_and_updated(
    run: Run, aai: OidcIssuer, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = len(aai.requests)
    assert run("trust", "issuer", "aai") == 0
    assert "first  from 2026-06-01, still there" in capsys.readouterr().out
    assert len(aai.requests) == asked

    aai.rotate("second")
    assert run("trust", "issuer", "aai", "--update", "--json") == 0
    assert answer(capsys)["changes"] == [
        "key first is gone: what was signed with it before still counts",
        "new key second",
    ]


def test_an_issuer_that_the_policy_does_not_list_is_not_asked(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("trust", "issuer", "github") == 2
    assert "it has: gitlab, aai" in capsys.readouterr().err


def test_a_waiver_that_lacks_signatures_is_a_problem_of_the_policy(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("trust", "waive", RULE, NAME, *WHY)
    capsys.readouterr()

    assert run("check", NAME, "--format", "json") != 0
    rules = [each["rule"] for each in json.loads(capsys.readouterr().out)["problems"]]
    assert "waiver-threshold" in rules


def test_status_says_who_has_which_role_and_what_is_waived(
    run: Run, token: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run("trust", "waive", RULE, NAME, *WHY, "--json")
    sha256 = answer(capsys)["sha256"]
    for name in ("ada", "bob"):
        run("trust", "waive", RULE, NAME, "--identity-file", token(name, sha256))
    capsys.readouterr()

    assert run("trust", "status") == 0

    said = capsys.readouterr().out
    assert "Ada (esrf): security-officer" in said
    assert "members of security group (desy): security-officer" in said
    assert f"waived: {RULE} for {NAME} " in said
    assert "by Ada, Bob: the helper needs it; looked at" in said
