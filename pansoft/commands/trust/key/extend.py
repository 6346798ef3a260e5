# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust key extend`: the same key, another expiry date."""

from __future__ import annotations

from pathlib import Path

import click

from core.canonical import readable_json
from core.files import write_atomic
from pansoft import clock
from pansoft.context import Context
from pansoft.signing_keys import policy_file_of
from trust.codec import to_json
from trust.keys import DEFAULT_VALID_DAYS, life
from trust.programs import gnupg


@click.command()
@click.argument("name")
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=DEFAULT_VALID_DAYS,
    show_default=True,
    help="Until the key expires, counted from today.",
)
@click.option(
    "--passphrase-file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A file with the key's passphrase or its token's PIN, which nobody else can read.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def extend(
    context: Context, *, name: str, days: int, passphrase_file: Path | None, as_json: bool
) -> None:
    """Give a key another expiry date, and write its public half into the trust policy again.

    The fingerprint stays, so the policy's entry does. Partners read the new date with the policy.

    Example: pansoft trust key extend esrf-2026 --days 365 --passphrase-file passphrase
    """
    armored = life.extend(
        context.state, name, days=days, at=clock.now(), secret_file=passphrase_file
    )
    file = policy_file_of(context, name)
    write_atomic(file, armored)
    facts = gnupg.read_key(file)
    if as_json:
        answer = {
            "fingerprint": facts.fingerprint,
            "public_key": str(file),
            "expires": to_json(facts.expires),
        }
        click.echo(readable_json(answer), nl=False)
        return
    click.echo(f"{facts.name} ({facts.fingerprint}) expires on {facts.expires:%Y-%m-%d}: {file}")
    context.console.say("propose the changed file in a merge request")
