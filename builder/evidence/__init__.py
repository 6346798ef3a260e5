# SPDX-License-Identifier: BSD-3-Clause
"""What is known of an image beside its bytes: what it holds, what is odd in it, where it comes from.

- `scripts/look.py`: walks a built tree once, inside the build's user namespace; `looking` runs it
- `contents`: the packages of a base and of an image; `debian` reads Debian's part of it
- `sbom`: the bills of materials, written by `spdx_form` and `cyclonedx_form`
- `provenance`: how the image was made and from what; `origin` knows the commit of its recipe
"""
