# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust key add`: a key whose secret stays in a gpg agent or in a token."""

from __future__ import annotations

import os
from pathlib import Path

import click

from core.canonical import Json, readable_json
from core.errors import UserError
from pansoft import clock
from pansoft.context import Context
from trust.keys import DEFAULT_VALID_DAYS, KeyInfo, life, signer_entry
from trust.programs.pkcs11_token import TokenPlace

_FILE = click.Path(dir_okay=False, exists=True, path_type=Path)


@click.command()
@click.argument("name")
@click.option("--agent", "fingerprint", metavar="FINGERPRINT", help="A key of a gpg agent.")
@click.option(
    "--home",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="The agent's home; by default GNUPGHOME or ~/.gnupg.",
)
@click.option(
    "--passphrase-file",
    type=_FILE,
    help="A file with the passphrase or the card's PIN; without it the agent asks.",
)
@click.option("--token", metavar="LABEL", help="A key of the PKCS#11 token with this label.")
@click.option("--module", type=_FILE, help="The token's PKCS#11 library.")
@click.option("--object", "object_id", metavar="HEX", help="The key's id on the token (CKA_ID).")
@click.option(
    "--pin-file", type=_FILE, help="A file with the token's PIN, which nobody else can read."
)
@click.option("--holder", help="Who holds the token's key, as people know them.")
@click.option("--email", help="Of the holder.")
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=DEFAULT_VALID_DAYS,
    show_default=True,
    help="Until the token's key expires.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write the public key; by default keys/ in the project's trust policy.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def add(
    context: Context,
    *,
    name: str,
    fingerprint: str | None,
    home: Path | None,
    passphrase_file: Path | None,
    token: str | None,
    module: Path | None,
    object_id: str | None,
    pin_file: Path | None,
    holder: str | None,
    email: str | None,
    days: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Give a key of a gpg agent or of a PKCS#11 token a NAME, for --key; its secret stays there.

    A token's key, made with the token's own tools, becomes a PGP key: it gets a holder and an
    expiry date. PINs and passphrases are in files, never in arguments.

    Example: pansoft trust key add esrf-2026 --agent 0123456789ABCDEF0123456789ABCDEF01234567
    """
    public = (output or context.policy / "keys") / f"{name}.asc"
    if fingerprint and not token:
        info = life.add_agent(
            context.state,
            name,
            home=home or _default_home(),
            fingerprint=fingerprint,
            public=public,
            passphrase_file=passphrase_file,
        )
    elif token and not fingerprint:
        if not (module and object_id and pin_file and holder and email):
            raise UserError(
                "a key of a token needs --module, --object, --pin-file, --holder and --email",
                hint="pkcs11-tool --module LIBRARY --list-objects shows what is on it",
            )
        info = life.add_token(
            context.state,
            name,
            TokenPlace(module, token, _object_id(object_id)),
            holder=holder,
            email=email,
            days=days,
            public=public,
            pin_file=pin_file,
            at=clock.now(),
        )
    else:
        raise UserError("name one of --agent and --token", hint="pansoft trust key add --help")
    _tell(context, info, as_json=as_json)


def _tell(context: Context, info: KeyInfo, *, as_json: bool) -> None:
    if as_json:
        answer: dict[str, Json] = {
            "fingerprint": info.fingerprint,
            "public_key": str(info.public_key_file),
            "folder": str(info.folder),
        }
        click.echo(readable_json(answer), nl=False)
        return
    click.echo(f"key         {info.fingerprint}")
    click.echo(f"public key  {info.public_key_file}")
    if info.revocation is not None:
        click.echo(f"revocation  {info.revocation}; keep a copy elsewhere")
    entry = signer_entry(info.name, info.fingerprint, info.public_key_file.name)
    context.console.say(f"to have it count, propose in trust-policy/policy.yaml:\n{entry}")


def _default_home() -> Path:
    return Path(os.environ.get("GNUPGHOME") or Path.home() / ".gnupg")


def _object_id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as err:
        raise UserError(
            f"'{text}' is not the id of a key", hint="hex digits, like --object 01"
        ) from err
