# SPDX-License-Identifier: BSD-3-Clause
"""The adapter of the docker library: an image of this machine's Docker, as an archive.

Where the daemon is, is Docker's own configuration (`DOCKER_HOST`, or its usual socket).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import docker
import docker.errors
import requests

from core.errors import UserError

_BLOCK = 1 << 20
_TIMEOUT_S = 600


def save_image(sha256: str, target: Path, *, name: str, environment: Mapping[str, str]) -> None:
    """Write the image with this id to an archive, as `docker save` does; the caller verifies it.

    Raises:
        UserError: there is no daemon here, it may not be asked, or it has no such image.
    """
    try:
        client = docker.from_env(timeout=_TIMEOUT_S, environment=dict(environment))
    except (docker.errors.DockerException, requests.RequestException) as err:
        raise UserError(
            f"{name} cannot be had: no Docker daemon answers",
            hint="start it, see that this user may use it (docker info), or set DOCKER_HOST",
        ) from err
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
    finally:
        client.close()
