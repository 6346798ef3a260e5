# SPDX-License-Identifier: BSD-3-Clause
# One process of mpi.sh: says which it is, in the words of Open MPI or MPICH, and runs test.sh.
here=$(dirname "$0")
rank=${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-${PMIX_RANK:-none}}}
echo "${OMPI_COMM_WORLD_SIZE:-${PMI_SIZE:-none}}" > "$here/ranks/$rank"
exec sh -eu "$here/test.sh"
