# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust key` as people use it once a year, and that no secret is seen while a key signs."""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from core.console import Console
from core.errors import UserError
from pansoft.commands.trust import trust
from pansoft.context import Context
from tests.gpg_homes import GpgHome, gpg_home_in
from tests.tokens import LABEL, MODULE, SoftToken, soft_token
from tests.trust.conftest import NOW
from trust.keys import open_named
from trust.policy import load_policy
from trust.programs import gnupg

pytestmark = pytest.mark.needs("apptainer", "gpg", "softhsm2-util", "pkcs11-tool")

ROOT = Path(__file__).parents[2]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A project with a policy of its own."""
    folder = tmp_path / "project" / "trust-policy"
    (folder / "keys").mkdir(parents=True)
    text = (ROOT / "trust-policy" / "policy.yaml").read_text()
    (folder / "policy.yaml").write_text(text)
    return Context(tmp_path / "project", state=tmp_path / "state", console=Console())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpgHome]:
    made = gpg_home_in(tmp_path_factory.mktemp("agent"))
    yield made
    made.forget()


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    return soft_token(tmp_path / "token", monkeypatch)


def run(context: Context, *argv: str | Path) -> Result:
    return CliRunner().invoke(trust, ["key", *(str(part) for part in argv)], obj=context)


def answer(context: Context, *argv: str | Path) -> Any:
    result = run(context, *argv, "--json")
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def add_agent(context: Context, home: GpgHome, name: str) -> str:
    fingerprint = home.new_key(name)
    added = answer(context, "add", name, "--agent", fingerprint, "--home", home.folder)
    assert added["fingerprint"] == fingerprint
    return fingerprint


def list_signers(context: Context, *entries: str) -> None:
    """Do what the commands propose: paste the entries into the policy."""
    file = context.policy / "policy.yaml"
    before = file.read_text().partition("signers: []")
    file.write_text(before[0] + "signers:\n" + "\n".join(entries) + before[2])


def test_a_token_is_added_and_signs(context: Context, token: SoftToken) -> None:
    added = answer(
        context,
        *("add", "release", "--token", LABEL, "--module", MODULE, "--object", "02"),
        *("--pin-file", token.pin_file, "--holder", "Release", "--email", "r@example.org"),
    )

    [shown] = answer(context, "show")
    assert (shown["name"], shown["secret_in"]) == ("release", "token")
    key = open_named(context.state, "release", at=NOW)
    signature = key.sign_detached(b"said", what="it")
    public = Path(added["public_key"])
    assert public == context.policy / "keys" / "release.asc"
    good = gnupg.verify_detached(b"said", signature, public_keys=[public], what="it")
    assert good.fingerprint == added["fingerprint"]


def test_a_key_that_follows_another_counts_with_the_lines_that_are_shown(
    context: Context, home: GpgHome
) -> None:
    old, new = add_agent(context, home, "first"), add_agent(context, home, "next")

    done = answer(context, "rotate", "first", "--to", "next", "--overlap-days", "10")
    list_signers(context, done["entries"])

    policy = load_policy(context.policy)
    signers = {each.fingerprint: each for each in policy.signers}
    until, begins = signers[old].valid_until, signers[new].valid_from
    assert until is not None
    assert begins is not None
    assert (until - begins).days == 10
    assert signers[old].valid_from is signers[new].valid_until is None


def test_a_lost_key_is_revoked_with_the_lines_that_are_shown(
    context: Context, home: GpgHome
) -> None:
    fingerprint = add_agent(context, home, "lost")
    certificate = home.folder / "openpgp-revocs.d" / f"{fingerprint}.rev"

    done = answer(
        context,
        *("revoke", "lost", "--why", 'a "card" was stolen', "--accept-before", "2026-11-20"),
        *("--certificate", certificate),
    )
    list_signers(context, done["entry"])

    [signer] = load_policy(context.policy).signers
    assert signer.removed is not None
    assert (signer.removed.why, str(signer.removed.accept_before)) == (
        'a "card" was stolen',
        "2026-11-20",
    )
    assert gnupg.read_key(signer.ring_file).revoked
    assert not gnupg.read_key(signer.key_file).revoked


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("add", "x"), "name one of --agent and --token"),
        (("add", "x", "--agent", "A" * 40, "--token", "t"), "name one of --agent and --token"),
        (("add", "x", "--token", "t"), "needs --module, --object, --pin-file"),
        (("extend", "nobody"), "there is no private key named 'nobody'"),
        (("rotate", "a", "--to", "b"), "there is no private key named 'a'"),
        (("revoke", "nobody", "--why", "lost"), "nobody.asc"),
        (("revoke", "x", "--why", "lost", "--accept-before", "soon"), "'soon' is not a day"),
    ],
    ids=["nothing", "both", "half a token", "extend", "rotate", "revoke", "no day"],
)
def test_what_cannot_be_done_is_said(context: Context, argv: tuple[str, ...], message: str) -> None:
    result = run(context, *argv)

    assert isinstance(result.exception, UserError)
    assert message in result.exception.message


class Watcher(threading.Thread):
    """Reads the arguments and the environment of every process, again and again."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.002):
            for file in ("cmdline", "environ"):
                for path in Path("/proc").glob(f"[0-9]*/{file}"):
                    try:
                        self.seen.add(path.read_bytes())
                    except OSError:
                        continue


def test_no_secret_is_in_arguments_environments_or_the_log(
    context: Context,
    home: GpgHome,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    passphrase, pin = secrets.token_hex(16), secrets.token_hex(8)
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(passphrase + "\n")
    fingerprint = home.new_key("watched", passphrase)
    home.forget()
    token = soft_token(tmp_path / "token", monkeypatch, pin=pin)
    caplog.set_level(logging.DEBUG)
    watcher = Watcher()
    watcher.start()

    run(
        context,
        *("add", "agent", "--agent", fingerprint, "--home", home.folder),
        *("--passphrase-file", secret),
    )
    said = run(
        context,
        *("add", "token", "--token", LABEL, "--module", MODULE, "--object", "01"),
        *("--pin-file", token.pin_file, "--holder", "Release", "--email", "r@example.org"),
    )
    for name in ("agent", "token"):
        open_named(context.state, name, at=NOW).sign_detached(b"x" * 4096, what="it")
    run(context, "extend", "agent", "--days", "90", "--passphrase-file", secret)
    watcher.ended.set()
    watcher.join()

    ran = {each for each in watcher.seen if each.startswith(b"/usr/bin/gpg") or b"gpg" in each[:40]}
    assert ran, "the watcher saw gpg run"
    for hidden in (passphrase, pin):
        assert not any(hidden.encode() in each for each in watcher.seen)
        assert hidden not in caplog.text + said.output
        kept = [path for path in context.state.rglob("*") if path.is_file()]
        assert not any(hidden.encode() in path.read_bytes() for path in kept)
