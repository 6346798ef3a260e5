# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust federation-key`: a key pair for the federation's metadata."""

from __future__ import annotations

from pathlib import Path

import click

from builder.state import State
from core.canonical import Json, readable_json
from core.errors import UserError
from pansoft.context import Context
from pansoft.federation import keys_folder
from trust.federation import names
from trust.federation.keys import ONLINE, export_public, make_key


@click.command("federation-key")
@click.argument("name")
@click.option(
    "--passphrase-file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Holds the passphrase, for the key of a person; nobody else can read it.",
)
@click.option(
    "--pipeline", is_flag=True, help="No passphrase: for a key that a pipeline uses by itself."
)
@click.option(
    "--token",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Make nothing; write the public half of the key in the PKCS#11 token that this file describes.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where to write the public key; by default here.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def federation_key(
    context: Context,
    *,
    name: str,
    passphrase_file: Path | None,
    pipeline: bool,
    token: Path | None,
    output: Path,
    as_json: bool,
) -> None:
    """Make a key pair for a seat, for a namespace, or for the timestamp (`online`).

    The secret half stays in the state folder. The public half, NAME.pub, is what the others need.

    Example: pansoft trust federation-key online --pipeline
    """
    if [passphrase_file is not None, pipeline, token is not None].count(True) != 1:
        raise UserError(
            "a key is a person's, a pipeline's, or in a token",
            hint="--passphrase-file FILE, --pipeline or --token FILE",
        )
    file = token or keys_folder(State(context.state)) / f"{names.check_key_name(name)}.pem"
    public = output / f"{names.check_key_name(name)}.pub"
    if token is not None:
        key_id = export_public(token, public)
    else:
        key_id = make_key(file, public, passphrase_file=passphrase_file)
    if as_json:
        answer: dict[str, Json] = {"id": key_id, "public": str(public), "secret": str(file)}
        click.echo(readable_json(answer), nl=False)
        return
    click.echo(f"key         {key_id}")
    click.echo(f"public key  {public}")
    click.echo(f"secret key  {file}")
    if name == ONLINE:
        context.console.say("the pipeline of the coordinator signs the timestamp with it")
