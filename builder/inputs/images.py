# SPDX-License-Identifier: BSD-3-Clause
"""Container images for bases: what a reference means, and its parts in the input cache.

Wherever an image is had from, its parts are kept by their sha256. The reference in `base.yaml` is
the only thing that names a registry; a base is built from the cache alone.
"""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Sequence
from pathlib import Path

from builder.inputs import docker_archive, docker_daemon, oci
from builder.inputs.cache import InputCache
from builder.inputs.credentials import login_files, login_for
from builder.inputs.oci import ImageBlob, OciImage
from builder.inputs.registry import Registry
from builder.recipes.image_reference import ImageReference, ImageSource
from core.console import Console, readable_size
from core.errors import UserError
from core.files import exclusive_lock

_PARALLEL = 4


def look_up_image(
    reference: ImageReference, folder: Path, cache: InputCache, *, console: Console
) -> OciImage:
    """Return the image that a reference names, and bring all of it into the cache.

    Args:
        reference: which image.
        folder: the base's folder, in which archives are.
        cache: where the image's parts go.
        console: whom to tell.

    Raises:
        UserError: it cannot be had, is not for this architecture, or is no image.
    """
    if reference.source is not ImageSource.REGISTRY:
        return _from_archive(reference, folder, cache, console=console)
    image = _in_registry(reference, cache, console=console)
    fetch_image(image, reference, folder, cache, console=console)
    return image


def fetch_image(
    image: OciImage,
    reference: ImageReference,
    folder: Path,
    cache: InputCache,
    *,
    console: Console,
) -> int:
    """Bring the parts of a locked image into the cache; return how many came just now.

    Raises:
        UserError: a part is not to be had, or comes with other bytes.
    """
    missing = [blob for blob in image.blobs if not cache.has(blob.sha256)]
    if not missing:
        return 0
    match reference.source:
        case ImageSource.REGISTRY:
            _download(missing, reference, cache, console=console)
        case ImageSource.ARCHIVE | ImageSource.DAEMON:
            _from_archive(reference, folder, cache, console=console)
    absent = [blob.sha256 for blob in missing if not cache.has(blob.sha256)]
    if absent:
        raise UserError(
            f"{reference.place} does not hold what the lock names: sha256 {', '.join(absent)}",
            hint="lock the base again with: pansoft lock NAME",
        )
    return len(missing)


def _in_registry(reference: ImageReference, cache: InputCache, *, console: Console) -> OciImage:
    """Return the image that a registry has under a digest; its configuration is in the cache then."""
    name = reference.place
    registry = _registry(reference)
    console.status(f"asking {reference.host} for {reference.name}")
    digest = reference.sha256
    content = registry.manifest(digest)
    chosen = oci.manifest_for_this(content, name=name)
    if chosen is not None:
        digest, content = chosen, registry.manifest(chosen)
    manifest = oci.read_manifest(content, name=name)
    if not cache.has(manifest.config.sha256):
        _download([manifest.config], reference, cache, console=console)
    configuration = oci.read_configuration(
        cache.need(manifest.config.sha256, name=name).read_bytes(), name=name
    )
    return oci.assemble(manifest, configuration, digest=digest, name=name)


def _registry(reference: ImageReference) -> Registry:
    login = login_for(reference.host, login_files(os.environ))
    return Registry(reference.host, reference.name, login=login)


def _download(
    blobs: Sequence[ImageBlob], reference: ImageReference, cache: InputCache, *, console: Console
) -> None:
    """Download blobs in parallel; a download that was cut goes on where it was."""
    registry = _registry(reference)
    (cache.folder / "partial").mkdir(parents=True, exist_ok=True)

    def bring(blob: ImageBlob) -> None:
        what = f"the part sha256:{blob.sha256} of {reference.name}"
        part = cache.part(blob.sha256)
        goes_on = part.is_file()
        registry.download(blob, part, what=what)
        try:
            cache.take(part, blob.sha256, name=what)
        except UserError:
            if not goes_on:
                raise
            # it may be the beginning, left by an earlier run, that is wrong: once more, from zero
            registry.download(blob, part, what=what)
            cache.take(part, blob.sha256, name=what)

    total = sum(blob.size for blob in blobs)
    with (
        exclusive_lock(cache.folder / "lock", purpose="fetch inputs", wait=True),
        console.progress(f"fetch {reference.name}", total, unit="bytes") as progress,
        concurrent.futures.ThreadPoolExecutor(_PARALLEL) as pool,
    ):
        jobs = {pool.submit(bring, blob): blob for blob in blobs}
        for job in concurrent.futures.as_completed(jobs):
            job.result()
            progress.advance(jobs[job].size)
    console.say(f"fetched {len(blobs)} parts of {reference.name}, {readable_size(total)}")


def _from_archive(
    reference: ImageReference, folder: Path, cache: InputCache, *, console: Console
) -> OciImage:
    """Bring an image of an archive or of the daemon into the cache and return it."""
    (cache.folder / "partial").mkdir(parents=True, exist_ok=True)
    with exclusive_lock(cache.folder / "lock", purpose="fetch inputs", wait=True):
        if reference.source is ImageSource.ARCHIVE:
            archive = folder / reference.place
            if not archive.resolve().is_relative_to(folder.resolve()):
                raise UserError(
                    f"{archive} leads out of the base's folder",
                    hint="put the archive itself there, not a link",
                )
            return docker_archive.take_image(archive, reference.sha256, cache, name=str(archive))
        console.status(f"asking the Docker daemon for {reference.place}")
        saved = cache.folder / "partial" / f"saved-{reference.sha256}.tar"
        try:
            docker_daemon.save_image(
                reference.sha256, saved, name=reference.place, environment=os.environ
            )
            return docker_archive.take_image(
                saved, reference.sha256, cache, name=f"the Docker image {reference.place}"
            )
        finally:
            saved.unlink(missing_ok=True)
