# SPDX-License-Identifier: BSD-3-Clause
# Runs as root of a fresh user namespace (an ordinary user outside), in a scratch folder of the build
# user's. Lays the file systems of an image over one another as Apptainer does, and copies what a
# program in it sees to `root`.
#
#   IMAGE     the image
#   OFFSETS   where its file systems begin, in bytes, a line each, the lowest first
#   PLAIN     plain.py
set -eu
umask 022

lower=nothing
mkdir nothing merged
number=0
for offset in $OFFSETS; do
    # whiteouts are devices 0:0, which a user namespace may make
    unsquashfs -quiet -no-progress -no-xattrs -offset "$offset" -dest "layer-$number" "$IMAGE" > log 2>&1 || {
        cat log
        exit 1
    }
    lower=layer-$number:$lower
    number=$((number + 1))
done
mount -t overlay -o "ro,userxattr,lowerdir=$lower" overlay merged
cp -a merged root
umount merged

python3 -I "$PLAIN" root
