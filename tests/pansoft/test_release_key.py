# SPDX-License-Identifier: BSD-3-Clause
"""A facility's key, in an agent, from the recipe to the repository and back: `pansoft apply --key`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from builder.state import State
from core.console import Console
from core.errors import Refused
from pansoft import loop, published, target, workspace
from pansoft.commands.trust.key import key as key_verbs
from pansoft.commands.verify import verify
from pansoft.context import Context
from pansoft.signing_keys import KeyChoice, key_of
from tests.builder.conftest import Builds
from tests.gpg_homes import GpgHome, gpg_home_in
from tests.real_projects import real_project
from trust.keys import local_key, signer_entry
from trust.signing.cosignatures import cosignature_file

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "mmdebstrap")

AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


def list_signer(context: Context, *, more: dict[str, str]) -> None:
    """Put the key `release` into the project's policy."""
    runner = CliRunner()
    shown = runner.invoke(key_verbs, ["show", "--json"], obj=context).stdout
    fingerprint = shown.partition('"fingerprint": "')[2][:40]
    entry = signer_entry("Release", fingerprint, "release.asc", more=more)
    file = context.policy / "policy.yaml"
    head, _, rest = file.read_text().partition("signers:")
    tail = rest.partition("\n\n")[2]
    file.write_text(f"{head}signers:\n{entry}\n\n{tail}")


def add_key(context: Context, home: GpgHome) -> None:
    argv = ["add", "release", "--agent", home.new_key("release"), "--home", str(home.folder)]
    result = CliRunner().invoke(key_verbs, argv, obj=context)
    assert result.exception is None, result.exception


def paths(state: State) -> set[str]:
    with target.read(state, at=AT) as reader:
        return {each.path for each in reader.walk("images")}


def test_what_a_facilitys_key_signed_is_published_until_the_key_is_gone_and_others_sign(
    builds: Builds, tmp_path: Path
) -> None:
    project = real_project(tmp_path / "project")
    state = builds.beside(tmp_path / "state")
    context = Context(project=project, state=state.folder, console=Console(quiet=True))
    (tmp_path / "agent").mkdir()
    home = gpg_home_in(tmp_path / "agent")
    add_key(context, home)
    list_signer(context, more={})
    recipes = workspace.recipes_named(context, [])

    report = loop.apply(
        context,
        recipes,
        at=AT,
        jobs=1,
        key=key_of(context, KeyChoice("release"), at=AT),
    )

    assert report.failures == ()
    assert report.outcome is not None
    [entry] = published.entries_in(State(context.state), at=AT)
    assert entry.signer.name == "Release"
    folder = State(context.state).signed(entry.plan)
    asked = ["--policy", str(context.policy), str(folder)]
    accepted = CliRunner().invoke(verify, asked, obj=context)
    assert accepted.exit_code == 0, accepted.exception
    list_signer(context, more={"removed": "{on: 2026-05-20, why: the card was stolen}"})
    refused = CliRunner().invoke(verify, asked, obj=context)
    assert isinstance(refused.exception, Refused)
    assert "Release is removed since 2026-05-20: the card was stolen" in str(refused.exception)

    before = paths(state)
    revision = report.outcome.publication.revision
    local = local_key(state.folder)
    late = cosignature_file(folder / "plotter.sif", local.fingerprint)
    late.write_bytes(
        local.sign_detached((folder / "plotter.sif.statement.json").read_bytes(), what="it")
    )
    for _ in range(2):
        again = loop.apply(context, recipes, at=AT, jobs=1)
        assert again.outcome is not None
        assert again.outcome.publication.revision == revision + 1
        assert paths(state) - before == {f"{entry.folder}/{late.name}"}
    home.forget()
