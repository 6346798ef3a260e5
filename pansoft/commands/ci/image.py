# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci image`: the container image that jobs run in, made of what this checkout's setup installs."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from builder.inputs import docker_daemon
from builder.inputs.docker_daemon import Login
from core.canonical import readable_json
from core.console import readable_size
from core.errors import UserError
from pansoft import clock, workspace
from pansoft.checkout import Checkout
from pansoft.ci.image.archive import About, Written
from pansoft.ci.image.make import make_image
from pansoft.context import Context
from pansoft.identity import environment

TAG = "pansoft-ci:latest"
LICENSES = "BSD-3-Clause"  # ours; those of Debian's packages are in /usr/share/doc


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the image to this archive: docker load --input FILE.",
)
@click.option(
    "--push",
    metavar="NAME",
    help="Have this machine's Docker push it under this name, as REGISTRY/PATH:TAG. Logs in with "
    "CI_REGISTRY_USER and CI_REGISTRY_PASSWORD where they are set.",
)
@click.option(
    "--tag", metavar="NAME:TAG", help=f"How Docker calls it when it is loaded; by default {TAG}."
)
@click.option("--tests", is_flag=True, help="With the Debian packages that only tests need.")
@click.option(
    "--epoch",
    envvar="SOURCE_DATE_EPOCH",
    type=click.IntRange(min=0),
    help="No file in it is younger than this, in seconds since 1970; by default, the commit.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def image(
    context: Context,
    *,
    output: Path | None,
    push: str | None,
    tag: str | None,
    tests: bool,
    epoch: int | None,
    as_json: bool,
) -> None:
    """Make the container image in which `make setup` of this checkout has nothing to do.

    It is a Debian 12 with what setup/setup.sh installs, Apptainer and the locked Python packages. It is made
    without Docker and without root; only --push needs a daemon. The same packages and commit give the
    same bytes.

    Example: pansoft ci image --output ci-image.tar
    """
    if output is None and push is None:
        raise UserError(
            "nowhere to put the image", hint="name a file with --output, a registry with --push"
        )
    if push is not None:
        docker_daemon.check_reference(push)
    name = tag or push or TAG
    about = _about(context, epoch)
    state = workspace.state_of(context)
    with tempfile.TemporaryDirectory(dir=_folder(state.scratch)) as folder:
        written = make_image(
            context.project,
            state,
            output or Path(folder) / "image.tar",
            about,
            tag=name,
            tests=tests,
            user=workspace.builder_of(context),
            at=clock.now(),
            console=context.console,
        )
        pushed = _push(written, push) if push is not None else None
    if as_json:
        told = {"id": f"sha256:{written.id}", "digest": written.digest, "size": written.size}
        click.echo(readable_json({**told, "tag": name, "pushed": pushed}), nl=False)
        return
    click.echo(f"image sha256:{written.id}, {readable_size(written.size)}")
    if output is not None:
        click.echo(f"written to {output}; now: docker load --input {output}")
    if pushed is not None:
        click.echo(f"pushed as {pushed}")


def _about(context: Context, epoch: int | None) -> About:
    checkout = Checkout(context.project)
    return About(
        revision=checkout.commit_of("HEAD"),
        created=checkout.time_of("HEAD") if epoch is None else epoch,
        licenses=LICENSES,
        source=environment().get("CI_PROJECT_URL") or None,
    )


def _folder(scratch: Path) -> Path:
    scratch.mkdir(parents=True, exist_ok=True)
    return scratch


def _push(written: Written, reference: str) -> str:
    """Push a written image and return by which name with its digest it is had."""
    variables = environment()
    user, password = variables.get("CI_REGISTRY_USER"), variables.get("CI_REGISTRY_PASSWORD")
    return docker_daemon.push_image(
        written.archive,
        (f"sha256:{written.id}", written.digest),
        reference,
        login=Login(user, password) if user and password else None,
        environment=variables,
    )
