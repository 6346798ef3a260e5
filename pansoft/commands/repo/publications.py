# SPDX-License-Identifier: BSD-3-Clause
"""How verbs say what they published."""

from __future__ import annotations

import click

from core.canonical import readable_json
from core.console import readable_size
from cvmfs.publishing.publish import Publication


def show(publication: Publication, *, as_json: bool) -> None:
    """Print what was published, or that nothing differed."""
    if as_json:
        facts = {
            "fqrn": publication.fqrn,
            "revision": publication.revision,
            "root_hash": str(publication.root_hash),
            "is_new": publication.is_new,
            "new_objects": publication.new_objects,
            "new_bytes": publication.new_bytes,
        }
        click.echo(readable_json(facts), nl=False)
    elif publication.is_new:
        click.echo(
            f"revision {publication.revision} of {publication.fqrn}; "
            f"{publication.new_objects} new objects, {readable_size(publication.new_bytes)}"
        )
    else:
        click.echo(f"it is so already: revision {publication.revision} of {publication.fqrn}")
