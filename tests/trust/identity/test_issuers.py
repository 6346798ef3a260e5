# SPDX-License-Identifier: BSD-3-Clause
"""The keys of an issuer, over a real socket: rotated, kept, lied about, not to be had."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import Refused
from tests.oidc_issuer import DISCOVERY, JWKS, NOON, Answer, OidcIssuer, oidc_issuer
from trust.identity import issuers
from trust.identity.issuers import keys_of

MINUTE = timedelta(minutes=1)


def kids(
    issuer: OidcIssuer, cache: Path, *, kid: str | None = None, after: timedelta = timedelta()
) -> list[str]:
    found = keys_of(issuer.url, kid=kid, cache=cache / "keys.json", at=NOON + after)
    return [key.kid for key in found.keys]


def test_keys_are_found_by_discovery(issuer: OidcIssuer, tmp_path: Path) -> None:
    assert kids(issuer, tmp_path) == ["first"]
    assert issuer.requests == [DISCOVERY, JWKS]


def test_keys_are_kept_for_their_time_and_no_longer(issuer: OidcIssuer, tmp_path: Path) -> None:
    issuer.max_age_s = 300
    kids(issuer, tmp_path)

    kids(issuer, tmp_path, after=timedelta(seconds=299))
    assert len(issuer.requests) == 2

    kids(issuer, tmp_path, after=timedelta(seconds=300))
    assert len(issuer.requests) == 4


@pytest.mark.parametrize(("says", "kept_for"), [(None, 300), (0, 0), (10**6, 24 * 3600)])
def test_how_long_keys_are_kept_has_bounds(
    issuer: OidcIssuer, says: int | None, kept_for: int
) -> None:
    issuer.max_age_s = says

    assert issuers.fetch(issuer.url, at=NOON).max_age_s == kept_for


def test_keys_that_must_not_be_kept_are_not(issuer: OidcIssuer, tmp_path: Path) -> None:
    issuer.answers[JWKS] = Answer(body=issuer.jwks(), headers={"Cache-Control": "no-store"})

    kids(issuer, tmp_path)
    kids(issuer, tmp_path)

    assert len(issuer.requests) == 4


def test_rotated_keys_are_asked_for_once_more(issuer: OidcIssuer, tmp_path: Path) -> None:
    kids(issuer, tmp_path)
    issuer.rotate("second")

    assert kids(issuer, tmp_path, kid="second", after=2 * MINUTE) == ["second"]


def test_made_up_keys_do_not_hammer_the_issuer(issuer: OidcIssuer, tmp_path: Path) -> None:
    kids(issuer, tmp_path)

    for second in range(10):
        kids(issuer, tmp_path, kid=f"made-up-{second}", after=timedelta(seconds=second))

    assert len(issuer.requests) == 2


def test_an_issuer_that_is_down_is_a_no_once_its_keys_are_stale(
    issuer: OidcIssuer, tmp_path: Path
) -> None:
    kids(issuer, tmp_path)
    issuer.answers |= {DISCOVERY: Answer(503), JWKS: Answer(503)}

    assert kids(issuer, tmp_path, after=9 * MINUTE) == ["first"]
    with pytest.raises(Refused, match="answers 503"):
        kids(issuer, tmp_path, after=11 * MINUTE)


def test_a_clock_that_was_put_back_makes_kept_keys_stale(
    issuer: OidcIssuer, tmp_path: Path
) -> None:
    kids(issuer, tmp_path)

    kids(issuer, tmp_path, after=-MINUTE)

    assert len(issuer.requests) == 4


def test_a_host_where_nobody_listens_is_a_no(tmp_path: Path) -> None:
    with oidc_issuer() as gone:
        pass

    with pytest.raises(Refused, match="cannot be asked for its keys"):
        kids(gone, tmp_path)


def test_what_is_kept_of_another_issuer_is_not_taken(issuer: OidcIssuer, tmp_path: Path) -> None:
    with oidc_issuer() as other:
        other.rotate("others")
        kids(other, tmp_path)

        assert kids(issuer, tmp_path) == ["first"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 1}', '{"schema": 9, "keys": ""}'])
def test_a_spoilt_file_of_keys_is_as_good_as_none(
    issuer: OidcIssuer, tmp_path: Path, content: str
) -> None:
    (tmp_path / "keys.json").write_text(content)

    assert kids(issuer, tmp_path) == ["first"]


def test_the_file_of_keys_is_nobody_elses(issuer: OidcIssuer, tmp_path: Path) -> None:
    kids(issuer, tmp_path)

    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


def test_an_issuer_that_gives_another_name_is_refused(issuer: OidcIssuer, tmp_path: Path) -> None:
    body = {"issuer": "https://evil.example", "jwks_uri": f"{issuer.url}{JWKS}"}
    issuer.answers[DISCOVERY] = Answer(body=json.dumps(body).encode())

    with pytest.raises(Refused, match=r"says that it is the issuer 'https://evil\.example'"):
        kids(issuer, tmp_path)


@pytest.mark.parametrize(
    "uri",
    [
        "http://keys.example.org/keys",
        "file:///etc/passwd",
        "https://user:word@x/keys",
        "//",
        "https://[",
    ],
)
def test_keys_that_lie_in_the_open_are_refused(
    issuer: OidcIssuer, tmp_path: Path, uri: str
) -> None:
    body = {"issuer": issuer.url, "jwks_uri": uri}
    issuer.answers[DISCOVERY] = Answer(body=json.dumps(body).encode())

    with pytest.raises(Refused, match="cannot be asked for at"):
        kids(issuer, tmp_path)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"issuer": 1}', b"[" * 9000])
@pytest.mark.parametrize("path", [DISCOVERY, JWKS])
def test_what_makes_no_sense_is_refused(
    issuer: OidcIssuer, tmp_path: Path, path: str, body: bytes
) -> None:
    issuer.answers[path] = Answer(body=body)

    with pytest.raises(Refused, match="is not"):
        kids(issuer, tmp_path)

    assert not (tmp_path / "keys.json").exists()


@pytest.mark.parametrize("path", [DISCOVERY, JWKS])
def test_a_huge_answer_is_not_read_to_its_end(
    issuer: OidcIssuer, tmp_path: Path, path: str
) -> None:
    issuer.answers[path] = Answer(body=b" " * (1 << 20))

    with pytest.raises(Refused, match="more than 256 KiB"):
        kids(issuer, tmp_path)


def test_an_answer_that_is_cut_short_is_refused(issuer: OidcIssuer, tmp_path: Path) -> None:
    whole = issuer.jwks()
    issuer.answers[JWKS] = Answer(body=whole, promised=len(whole) + 50)

    with pytest.raises(Refused, match="cannot be asked for its keys"):
        kids(issuer, tmp_path)


def test_an_issuer_that_drips_is_given_up(
    issuer: OidcIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "TIMEOUT_S", 0.4)
    issuer.answers[JWKS] = Answer(body=b" " * 1000, pause_s=0.05)

    with pytest.raises(Refused, match="takes longer than"):
        kids(issuer, tmp_path)


def test_an_issuer_that_says_nothing_is_given_up(
    issuer: OidcIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "TIMEOUT_S", 0.4)
    issuer.answers[JWKS] = Answer(body=b"  ", pause_s=1)

    with pytest.raises(Refused, match="cannot be asked for its keys"):
        kids(issuer, tmp_path)


def test_a_redirect_to_another_host_is_refused(issuer: OidcIssuer, tmp_path: Path) -> None:
    with oidc_issuer() as evil:
        issuer.answers[JWKS] = Answer(302, headers={"Location": f"{evil.url}{JWKS}"})

        with pytest.raises(Refused, match="sends us to another host"):
            kids(issuer, tmp_path)

        assert evil.requests == []


def test_a_redirect_on_the_same_host_is_followed(issuer: OidcIssuer, tmp_path: Path) -> None:
    issuer.answers["/keys"] = Answer(body=issuer.jwks())
    issuer.answers[JWKS] = Answer(301, headers={"Location": "/keys"})

    assert kids(issuer, tmp_path) == ["first"]


def test_redirects_end(issuer: OidcIssuer, tmp_path: Path) -> None:
    issuer.answers[JWKS] = Answer(301, headers={"Location": JWKS})

    with pytest.raises(Refused, match="from one address to the next"):
        kids(issuer, tmp_path)


def test_no_login_of_this_user_is_sent(
    issuer: OidcIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))

    assert kids(issuer, tmp_path) == ["first"]
    assert issuer.logins == []
