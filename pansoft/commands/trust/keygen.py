# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust keygen`: a key pair for signing images."""

from __future__ import annotations

from pathlib import Path

import click

from core.canonical import Json, readable_json
from core.errors import UserError
from pansoft.context import Context
from trust import keys


@click.command()
@click.argument("name", default=keys.LOCAL_NAME)
@click.option(
    "--local", is_flag=True, help="A key without a passphrase, for this state folder only."
)
@click.option("--holder", help="Who holds the key, as people know them.")
@click.option("--email", help="Of the holder.")
@click.option(
    "--passphrase-file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A file with the passphrase, which nobody else can read.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=keys.DEFAULT_VALID_DAYS,
    show_default=True,
    help="Until the key expires.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write the public key; by default keys/ in the project's trust policy.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def keygen(
    context: Context,
    *,
    name: str,
    local: bool,
    holder: str | None,
    email: str | None,
    passphrase_file: Path | None,
    days: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Make a PGP key pair for signing images; the private half stays in the state folder.

    With --local the key is trusted at once, in this state folder and for repositories that
    nobody else reads. Any other key counts when trust-policy/policy.yaml lists it.

    Example: pansoft trust keygen --local
    """
    if local:
        key = keys.local_key(context.state)
        info = keys.KeyInfo(
            keys.LOCAL_NAME,
            key.fingerprint,
            keys.local_policy(context.state) / "keys" / f"{keys.LOCAL_NAME}.asc",
            key.folder,
        )
        say = "it has no passphrase and counts in this state folder only, for local repositories"
    else:
        info = _release_key(context, name, holder, email, passphrase_file, days, output)
        entry = keys.signer_entry(info.name, info.fingerprint, info.public_key_file.name)
        say = f"to have it count, propose in trust-policy/policy.yaml:\n{entry}"
    if as_json:
        answer: dict[str, Json] = {
            "fingerprint": info.fingerprint,
            "public_key": str(info.public_key_file),
            "private_folder": str(info.folder),
            "local": local,
        }
        click.echo(readable_json(answer), nl=False)
        return
    click.echo(f"key         {info.fingerprint}")
    click.echo(f"public key  {info.public_key_file}")
    click.echo(f"private key {info.folder}")
    if info.revocation is not None:
        click.echo(f"revocation  {info.revocation}; keep a copy elsewhere")
    context.console.say(say)


def _release_key(
    context: Context,
    name: str,
    holder: str | None,
    email: str | None,
    passphrase_file: Path | None,
    days: int,
    output: Path | None,
) -> keys.KeyInfo:
    if name == keys.LOCAL_NAME or not name.replace("-", "").isalnum() or not name.isascii():
        raise UserError(
            f"'{name}' is not a name for a release key",
            hint="letters, digits and '-', for example: pansoft trust keygen esrf-2026; "
            "a key for this machine only: pansoft trust keygen --local",
        )
    if not (holder and email and passphrase_file):
        raise UserError(
            "a key that others trust needs --holder, --email and --passphrase-file",
            hint="a key for this machine only, without a passphrase: pansoft trust keygen --local",
        )
    return keys.keygen(
        keys.private_folder(context.state, name),
        name=holder,
        email=email,
        public=(output or context.policy / "keys") / f"{name}.asc",
        passphrase_file=passphrase_file,
        valid_days=days,
    )
