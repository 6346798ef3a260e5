# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft catalog`: find published software, see what is known of it, write the web site."""

from __future__ import annotations

from pathlib import Path

import click

from catalog import words
from catalog.entry import CatalogEntry, entry_json
from catalog.held import HeldPackage, held_json
from catalog.panet import label
from catalog.render import render
from catalog.retired import RetiredPackage
from catalog.search import search
from catalog.standing import in_standing
from core.canonical import Json, readable_json
from core.console import readable_size
from core.errors import UserError
from pansoft.context import Context

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


@click.group("catalog")
def catalog() -> None:
    """Find published software and write the catalogue's web site."""


@catalog.command("build")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder to write; one that is there is replaced.",
)
@_AS_JSON
@click.pass_obj
def build(context: Context, *, output: Path, as_json: bool) -> None:
    """Write the web site of what is published; open its index.html in any browser.

    Example: pansoft catalog build --output site
    """
    entries = _published(context)
    _refuse_foreign(output)
    render(entries, output, fqrn=entries[0].fqrn, held=_held(context), retired=_retired(context))
    page = output / "index.html"
    if as_json:
        click.echo(readable_json({"page": str(page), "entries": len(entries)}), nl=False)
    else:
        click.echo(page)


@catalog.command("search")
@click.argument("words_", metavar="[WORD]...", nargs=-1)
@_AS_JSON
@click.pass_obj
def search_(context: Context, *, words_: tuple[str, ...], as_json: bool) -> None:
    """List the packages in which every word occurs: names, techniques, commands, descriptions.

    Example: pansoft catalog search saxs gpu
    """
    found = search(_published(context), words_)
    if as_json:
        rows: list[Json] = [_row(entry) for entry in found]
        click.echo(readable_json(rows), nl=False)
        return
    if not found:
        context.console.say("no package has all of these words")
    width = max((len(f"{entry.name} {entry.version}") for entry in found), default=0)
    for entry in found:
        name = f"{entry.name} {entry.version}"
        click.echo(words.plain(f"{name:{width}}  {entry.channel:8} {entry.summary}"))


@catalog.command("show")
@click.argument("name")
@_AS_JSON
@click.pass_obj
def show(context: Context, *, name: str, as_json: bool) -> None:
    """Tell all that is known of a package's newest published version.

    Example: pansoft catalog show hdf5-tools
    """
    entries = _published(context)
    versions = [entry for entry in entries if entry.name == name]
    held = [item for item in _held(context) if item.name == name]
    if held and not versions:
        click.echo(readable_json(held_json(held)[0]) if as_json else _told(held[0]), nl=False)
        return
    if not versions:
        near = [entry.name for entry in search(entries, [name])][:3]
        raise UserError(
            f"no package '{name}' is published",
            hint=f"did you mean {' or '.join(near)}?" if near else "run: pansoft catalog search",
        )
    entry = in_standing(versions)[0]
    if as_json:
        click.echo(readable_json(entry_json(entry)), nl=False)
    else:
        click.echo(_described(entry), nl=False)


def _published(context: Context) -> tuple[CatalogEntry, ...]:
    from pansoft.published import published_entries

    entries = published_entries(context)
    if not entries:
        raise UserError(
            "nothing is published yet", hint="run 'pansoft apply' or 'pansoft demo' first"
        )
    return tuple(entries)


def _held(context: Context) -> tuple[HeldPackage, ...]:
    from pansoft.published import published_held

    return published_held(context)


def _retired(context: Context) -> tuple[RetiredPackage, ...]:
    from pansoft.published import published_retired

    return published_retired(context)


def _told(item: HeldPackage) -> str:
    """Return what there is to say of a package that is not distributed."""
    lines = {
        "version": item.version,
        "licence": f"{item.licence}. {words.redistribution(item.redistribution)}",
        "terms": item.terms,
        "to get it": item.registration,
        "to make it": f"pansoft build {item.name} --download FILE",
        "home page": item.homepage,
    }
    head = f"{item.title}: {item.summary}\n\nNot distributed here: each site with a licence makes it.\n\n"
    return words.plain(
        head + "".join(f"{name + ':':12} {value}\n" for name, value in lines.items())
    )


def _refuse_foreign(output: Path) -> None:
    """Refuse to replace a folder that is not a catalogue: what is in it would be lost."""
    if (
        output.is_dir()
        and any(output.iterdir())
        and not (output / "static/search-data.js").is_file()
    ):
        raise UserError(
            f"{output} holds something else than a catalogue, and would be replaced",
            hint="name a new or an empty folder with --output",
        )


def _row(entry: CatalogEntry) -> Json:
    return {
        "name": entry.name,
        "version": entry.version,
        "channel": entry.channel.value,
        "title": entry.title,
        "summary": entry.summary,
        "image": entry.image.path,
    }


def _described(entry: CatalogEntry) -> str:
    commands = ", ".join(command.name for command in entry.commands) or "none"
    verdict = "accepted" if entry.verdict.accepted else "not accepted"
    lines = {
        "version": f"{entry.version} ({entry.channel}, {words.date(entry.published)})",
        "licence": f"{entry.license.spdx}. {words.redistribution(entry.license.redistribution)}",
        "commands": commands,
        "set up": f". /cvmfs/{entry.fqrn}/{entry.channel}/setup.sh",
        "image": f"/cvmfs/{entry.fqrn}/{entry.image.path}",
        "size": f"{readable_size(entry.image.size)}, of which {readable_size(entry.image.delta_size)} "
        f"are new over {entry.base}",
        "signed by": f"{entry.signer.name}, {words.fingerprint(entry.signer.fingerprint)}",
        "policy": f"{entry.policy.version}, {verdict}",
        "tests": words.tests_passed(entry),
        "techniques": ", ".join(map(label, entry.techniques)) or "none named",
        "to cite": entry.citation or entry.homepage,
        "home page": entry.homepage,
    }
    head = f"{entry.title}: {entry.summary}\n\n"
    body = "".join(f"{name + ':':12} {' '.join(value.split())}\n" for name, value in lines.items())
    return words.plain(head + body)
