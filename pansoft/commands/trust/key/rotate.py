# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust key rotate`: one key follows another, and both say so."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from core.canonical import Json, readable_json
from pansoft import clock
from pansoft.context import Context
from pansoft.signing_keys import KeyChoice, key_of, policy_file_of
from trust.keys import life, signer_entry
from trust.keys.life import Rotation
from trust.keys.proposal import quoted

_FILE = click.Path(dir_okay=False, exists=True, path_type=Path)


@click.command()
@click.argument("name")
@click.option("--to", "successor", required=True, help="The name of the new key, made before.")
@click.option(
    "--overlap-days",
    type=click.IntRange(0, 365),
    default=30,
    show_default=True,
    help="How long both keys count.",
)
@click.option("--passphrase-file", type=_FILE, help="Of the old key.")
@click.option("--new-passphrase-file", type=_FILE, help="Of the new key.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def rotate(
    context: Context,
    *,
    name: str,
    successor: str,
    overlap_days: int,
    passphrase_file: Path | None,
    new_passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Announce that the key NAME is followed by another; the announcement is signed by both.

    It is written beside the public keys of the trust policy, so a reviewer can check that the holder of
    the old key wants the new one. Then the policy's entries are yours to change; the lines are shown.

    Example: pansoft trust key rotate esrf-2026 --to esrf-2028
    """
    at = clock.now()
    rotation = life.rotate(
        key_of(context, KeyChoice(name, passphrase_file), at=at),
        key_of(context, KeyChoice(successor, new_passphrase_file), at=at),
        at=at,
        overlap=timedelta(days=overlap_days),
        folder=context.policy / "keys",
    )
    entries = "\n".join(_entries(context, name, successor, rotation))
    if as_json:
        answer: dict[str, Json] = {
            "announcement": str(rotation.announcement),
            "signatures": [str(file) for file in rotation.signatures],
            "entries": entries,
        }
        click.echo(readable_json(answer), nl=False)
        return
    for file in (rotation.announcement, *rotation.signatures):
        click.echo(f"wrote {file}")
    context.console.say(f"to have it count, propose in trust-policy/policy.yaml:\n{entries}")


def _entries(context: Context, name: str, successor: str, rotation: Rotation) -> tuple[str, str]:
    """Return both entries: the old key until the end of the overlap, the new one from today."""
    old, new = rotation.old, rotation.new
    return (
        signer_entry(
            old.facts.name,
            old.fingerprint,
            policy_file_of(context, name).name,
            more={"valid_until": quoted(str(rotation.ends))},
        ),
        signer_entry(
            new.facts.name,
            new.fingerprint,
            policy_file_of(context, successor).name,
            more={"valid_from": quoted(str(rotation.begins))},
        ),
    )
