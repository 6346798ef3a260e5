# SPDX-License-Identifier: BSD-3-Clause
"""Making an image, and trying it.

- `plan`: everything that decides the bytes, and the id made of it
- `build_user`, `sandbox`, `scripts/`: an ordinary user's namespaces without a network
- `failure`, `faults`: why a build failed; `kept`: sandboxes to look into
- `base`: bases, once; `build`: images on top; `built`: which there are
- `container_files`, `sif`: what a SIF is made of
- `apptainer`, `testing`: running programs and the recipe's tests in an image
"""
