# SPDX-License-Identifier: BSD-3-Clause
"""Lock the container image of a base: all of it by digest, and in the input cache."""

from __future__ import annotations

from builder.inputs import oci
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch
from builder.inputs.images import manifest_of, take_from_archive
from builder.inputs.oci import ImagePart, OciImage
from builder.recipes.image_reference import ImageOrigin, ImageSource
from core.console import Console
from core.files import exclusive_lock


def look_up_image(origin: ImageOrigin, cache: InputCache, *, console: Console) -> OciImage:
    """Return the image that a base's reference names, and bring all of it into the cache.

    Raises:
        UserError: it cannot be had, is not for this architecture, or is no image.
    """
    reference = origin.reference
    if reference.source is not ImageSource.REGISTRY:
        with exclusive_lock(cache.folder / "lock", purpose="fetch inputs", wait=True):
            return take_from_archive(origin, cache, console=console)
    console.status(f"asking {reference.host} for {reference.name}")
    digest, manifest = manifest_of(reference)
    name = reference.place
    config = ImagePart(
        manifest.config.sha256, manifest.config.size, f"configuration of {reference.title}", origin
    )
    fetch([config], cache, console=console)
    content = cache.need(config.sha256, name=config.name).read_bytes()
    image = oci.assemble(
        manifest, oci.read_configuration(content, name=name), digest=digest, name=name
    )
    fetch(image.parts(origin), cache, console=console)
    return image
