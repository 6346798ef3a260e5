# SPDX-License-Identifier: BSD-3-Clause
"""From a recipe to a signed image.

- `recipes/`: what a recipe is, reading and checking it, writing a first one
- `inputs/`: locks, and bringing what they name into the input cache
- `images/`: plans, bases, the sandbox, images and their tests
- `executors/`: who builds: this machine, or a cluster
- `sign`: signing and verifying, the only makers of a `SignedImage`
- `stored`: what of the state may be removed
- `stages`: what a stage hands to the next; `state`: where all of it lies
"""
