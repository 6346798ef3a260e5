# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust offer`: the list of a namespace that several facilities sign."""

from __future__ import annotations

import click

from core.errors import UserError
from pansoft import ceremonies, clock, federation
from pansoft.context import Context
from pansoft.federation import agreed_of
from pansoft.workspace import state_of
from trust.federation import ceremony
from trust.federation.settings import FILE, load_settings


@click.command()
@click.argument("namespace")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def offer(context: Context, *, namespace: str, as_json: bool) -> None:
    """Propose the list of NAMESPACE, made of what is published now, to the facilities that sign it.

    What one key signs by itself needs no offer: pansoft apply does it.

    Example: pansoft trust offer core
    """
    agreed, at = agreed_of(context.policy), clock.now()
    settings = load_settings(context.policy)
    if settings is None or namespace not in settings.own_namespaces:
        raise UserError(
            f"this project publishes nothing in {namespace}",
            hint=f"trust-policy/{FILE} says what is published where",
        )
    listed, version = federation.offered(state_of(context), settings, namespace, at=at)
    made = ceremony.propose_list(agreed, namespace, listed, version=version, at=at)
    ceremonies.propose(context, agreed, made, at=at, as_json=as_json)
