# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo tag`: named snapshots."""

from __future__ import annotations

import click

from core.canonical import readable_json
from core.errors import UserError
from cvmfs.format.history import Tag, tags_of
from cvmfs.publishing.tagging import Backward, add_tag, remove_tags
from pansoft import clock, target, workspace
from pansoft.context import Context


@click.command()
@click.argument("names", nargs=-1)
@click.option("-m", "--message", default="", help="What the snapshot is for.")
@click.option("--revision", help="The revision to name: a number, a tag or a date.")
@click.option("--back", is_flag=True, help="Let a name go back to an older revision than it is on.")
@click.option(
    "--forward",
    is_flag=True,
    help="Leave a name where it is that is on a newer revision, and end well; for pipelines.",
)
@click.option("--remove", is_flag=True, help="Remove the tags; nothing else goes before a gc.")
@click.option("--list", "is_list", is_flag=True, help="List tags; so it does without a NAME, too.")
@click.option("--all", "with_all", is_flag=True, help="List those that publishing made, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def tag(
    context: Context,
    *,
    names: tuple[str, ...],
    message: str,
    revision: str | None,
    back: bool,
    forward: bool,
    remove: bool,
    is_list: bool,
    with_all: bool,
    as_json: bool,
) -> None:
    """Name a revision, by default the current one, so that it stays and is found again; or list the names.

    A name that there is already is moved, in one step, where --revision says to which.

    Example: pansoft repo tag before-upgrade -m "last with HDF5 1.14"
    """
    if back and forward:
        raise click.UsageError("--back and --forward contradict each other")
    state = workspace.state_of(context)
    if is_list or not names:
        if remove or revision is not None:
            raise UserError("which tag?", hint="pansoft repo tag NAME …")
        with target.read(state, at=clock.now()) as reader:
            tags = [found for found in tags_of(reader) if with_all or not found.is_generic]
        _print(tags, as_json=as_json)
        return
    repository, keys = target.to_change(state, at=clock.now())
    if remove:
        removed = remove_tags(repository, keys, names, at=clock.now())
        if as_json:
            _print(list(removed), as_json=True)
            return
        for gone in removed:
            click.echo(f"removed {gone.name}, which was revision {gone.revision}")
        return
    if len(names) > 1:
        raise UserError(f"one name at a time, not {' '.join(names)}")
    new = add_tag(
        repository,
        keys,
        names[0],
        at=clock.now(),
        message=message,
        revision=revision,
        backward=Backward.MOVE if back else Backward.STAY if forward else Backward.REFUSE,
    )
    if as_json:
        _print([new], as_json=True)
        return
    click.echo(f"{new.name} is revision {new.revision}")


def _print(tags: list[Tag], *, as_json: bool) -> None:
    if as_json:
        items = [
            {
                "name": tag.name,
                "revision": tag.revision,
                "root_hash": str(tag.root_hash),
                "timestamp": tag.timestamp,
                "description": tag.description,
            }
            for tag in tags
        ]
        click.echo(readable_json(items), nl=False)
        return
    width = max((len(tag.name) for tag in tags), default=0)
    for tag in sorted(tags, key=lambda tag: (-tag.revision, tag.name)):
        line = f"{tag.revision:>5}  {tag.time:%Y-%m-%d %H:%M:%S}  {tag.name:<{width}}"
        click.echo(f"{line}  {tag.description}".rstrip())
