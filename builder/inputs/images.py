# SPDX-License-Identifier: BSD-3-Clause
"""Container images for bases: what a reference means, and its parts in the input cache.

Wherever an image is had from, its parts are inputs like others, kept by their sha256. The reference
in `base.yaml` is the only thing that names a registry; a base is built from the cache alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from builder.inputs import docker_archive, docker_daemon, oci
from builder.inputs.cache import InputCache
from builder.inputs.credentials import login_files, login_for
from builder.inputs.oci import ImagePart, OciImage
from builder.inputs.registry import Registry
from builder.recipes.image_reference import ImageOrigin, ImageReference, ImageSource
from core.console import Console
from core.errors import UserError


def registry_of(reference: ImageReference) -> Registry:
    """Return the registry that an image is in, with this user's login where there is one."""
    login = login_for(reference.host, login_files(os.environ))
    return Registry(reference.host, reference.name, login=login)


def manifest_of(reference: ImageReference) -> tuple[str, oci.Manifest]:
    """Return the manifest for this architecture that a registry has under a digest, with its sha256.

    Raises:
        UserError: the registry does not give it, or it is not for this architecture.
    """
    registry = registry_of(reference)
    digest = reference.sha256
    content = registry.manifest(digest)
    chosen = oci.manifest_for_this(content, name=reference.place)
    if chosen is not None:
        digest, content = chosen, registry.manifest(chosen)
    return digest, oci.read_manifest(content, name=reference.place)


def take_from_archive(origin: ImageOrigin, cache: InputCache, *, console: Console) -> OciImage:
    """Bring all of an image of an archive or of the daemon into the cache and return it.

    Raises:
        UserError: it cannot be had, or is not the one that the reference names.
    """
    reference, folder = origin.reference, origin.folder
    partial = cache.folder / "partial"
    partial.mkdir(parents=True, exist_ok=True)
    if reference.source is ImageSource.ARCHIVE:
        archive = folder / reference.place
        if not archive.resolve().is_relative_to(folder.resolve()):
            raise UserError(
                f"{archive} leads out of the base's folder",
                hint="put the archive itself there, not a link",
            )
        return docker_archive.take_image(archive, reference.sha256, cache, name=str(archive))
    console.status(f"asking the Docker daemon for {reference.place}")
    saved = partial / f"saved-{reference.sha256}.tar"
    try:
        docker_daemon.save_image(
            reference.sha256, saved, name=reference.place, environment=os.environ
        )
        return docker_archive.take_image(
            saved, reference.sha256, cache, name=f"the Docker image {reference.place}"
        )
    finally:
        saved.unlink(missing_ok=True)


def take_from_archives(parts: Sequence[ImagePart], cache: InputCache, *, console: Console) -> None:
    """Bring what archives and the daemon hold of these parts into the cache; say what cannot be had.

    Other places may have a part as well, so that is no error yet.
    """
    for origin in dict.fromkeys(part.origin for part in parts):
        if origin.reference.source is not ImageSource.REGISTRY:
            try:
                take_from_archive(origin, cache, console=console)
            except UserError as err:
                console.say(err.message)
