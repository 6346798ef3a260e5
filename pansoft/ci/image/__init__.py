# SPDX-License-Identifier: BSD-3-Clause
"""The container image that jobs of a pipeline run in: what `make setup` would install, in two layers.

ingredients   what goes into it: Debian packages, Apptainer, wheels
layers        the root file system made of them, offline, as two tars
archive       these as an archive that Docker loads and that is an OCI layout as well
make          all of it, one after the other
"""
