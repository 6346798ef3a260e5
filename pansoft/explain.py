# SPDX-License-Identifier: BSD-3-Clause
"""The words of an error, on standard error: what is wrong, where, and what to do about it."""

from __future__ import annotations

import click

from core import reports
from core.errors import InvalidInput, UserError
from core.harmless import harmless


def explain(err: UserError) -> None:
    """Print an error for a person; faults in files are shown with their place in them."""
    if isinstance(err, InvalidInput):
        click.echo(reports.text(err.problems), err=True)
        return
    click.echo(f"error: {harmless(err.message)}", err=True)
    if err.hint:
        click.echo(f"hint: {harmless(err.hint)}", err=True)
