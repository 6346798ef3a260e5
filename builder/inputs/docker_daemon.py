# SPDX-License-Identifier: BSD-3-Clause
"""The adapter of the docker library: an image of this machine's Docker, as an archive, and the way back.

Where the daemon is, is Docker's own configuration (`DOCKER_HOST`, or its usual socket).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests

from core.errors import UserError

_BLOCK = 1 << 20
_TIMEOUT_S = 600
# The OCI distribution specification's `<name>` and `<reference>` as a tag, with the registry before it.
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
_TAGGED = re.compile(rf"({_HOST}/{_PART}(?:/{_PART})*):([A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})\Z")


@dataclass(frozen=True, slots=True)
class Login:
    """Who pushes to a registry; the password is in no text."""

    user: str
    password: str = field(repr=False)


def save_image(sha256: str, target: Path, *, name: str, environment: Mapping[str, str]) -> None:
    """Write the image with this id to an archive, as `docker save` does; the caller verifies it.

    Raises:
        UserError: there is no daemon here, it may not be asked, or it has no such image.
    """
    with _daemon(environment, f"{name} cannot be had") as client:
        try:
            image = client.images.get(f"sha256:{sha256}")
            with target.open("wb") as stream:
                for block in image.save(chunk_size=_BLOCK):
                    stream.write(block)
        except docker.errors.ImageNotFound as err:
            raise UserError(
                f"the Docker daemon has no image sha256:{sha256} ({name})",
                hint="its images and their ids: docker images --no-trunc --format '{{.Repository}} {{.ID}}'",
            ) from err
        except (docker.errors.DockerException, requests.RequestException) as err:
            raise UserError(
                f"the Docker daemon did not give {name} ({type(err).__name__})",
                hint="try it by hand: docker save",
            ) from err


def check_reference(reference: str) -> tuple[str, str]:
    """Return the repository, its registry included, and the tag that an image is pushed under.

    Raises:
        UserError: it names no registry, no tag, or is no name at all.
    """
    found = _TAGGED.match(reference)
    if found is None:
        raise UserError(
            f"an image cannot be pushed as '{reference}'",
            hint="write REGISTRY/PATH:TAG in small letters; in a job, $CI_REGISTRY_IMAGE/ci:latest, "
            "which is empty where the project has no container registry",
        )
    return found[1], found[2]


def push_image(
    archive: Path,
    ids: Collection[str],
    reference: str,
    *,
    login: Login | None,
    environment: Mapping[str, str],
) -> str:
    """Load an image from an archive, push it, and return its name with the digest the registry gave it.

    Args:
        archive: what `docker load` takes.
        ids: the digests by which a daemon may know it: of its configuration, and of its manifest
            where it keeps images with containerd.
        reference: where it goes to, `REGISTRY/PATH:TAG`.
        login: who pushes; without, whoever `docker login` logged in.
        environment: where the daemon is.

    Raises:
        UserError: there is no daemon, it does not take the image, or the registry does not.
    """
    repository, tag = check_reference(reference)
    with _daemon(environment, f"{reference} cannot be pushed") as client:
        try:
            with archive.open("rb") as stream:
                loaded = client.images.load(stream)
            image = next((item for item in loaded if item.id in ids), None)
            if image is None:
                raise UserError(
                    f"the Docker daemon made something else of {archive.name}",
                    hint="look at it by hand: docker load, docker image inspect",
                )
            image.tag(repository, tag=tag)
            known = {"username": login.user, "password": login.password} if login else None
            said = client.images.push(
                repository, tag=tag, auth_config=known, stream=True, decode=True
            )
            return f"{repository}@{_pushed(said, reference, login)}"
        except (docker.errors.DockerException, requests.RequestException) as err:
            raise UserError(
                f"{reference} was not pushed ({type(err).__name__})",
                hint="try it by hand: docker push",
            ) from err


def _pushed(said: Iterator[Mapping[str, Any]], reference: str, login: Login | None) -> str:
    """Return the digest that the end of a push names.

    Raises:
        UserError: it failed; the message is the registry's, without the password.
    """
    digest = ""
    for line in list(said):  # to its end, or the connection stays open
        if "error" in line:
            reason = " ".join(str(line["error"]).split())
            if login is not None:
                reason = reason.replace(login.password, "…")
            raise UserError(
                f"{reference} was not pushed: {reason}",
                hint="see that the registry is on, and that who pushes may: CI_REGISTRY_USER, "
                "CI_REGISTRY_PASSWORD, or docker login",
            )
        digest = str((line.get("aux") or {}).get("Digest", digest))
    if not digest:
        raise UserError(
            f"the Docker daemon does not say whether {reference} was pushed",
            hint="try it by hand: docker push",
        )
    return digest


@contextlib.contextmanager
def _daemon(environment: Mapping[str, str], failed: str) -> Iterator[Any]:
    """Give a client of this machine's Docker for the time of the block; the library has no types.

    Raises:
        UserError: none answers; `failed` is how the message begins.
    """
    try:
        client = docker.from_env(timeout=_TIMEOUT_S, environment=dict(environment))
    except (docker.errors.DockerException, requests.RequestException) as err:
        raise UserError(
            f"{failed}: no Docker daemon answers",
            hint="start it, see that this user may use it (docker info), or set DOCKER_HOST",
        ) from err
    try:
        yield client
    finally:
        client.close()
