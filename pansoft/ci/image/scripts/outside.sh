#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Makes the two layers of the image of jobs. Runs as root of a fresh user namespace (an ordinary user
# outside), with mount, process and network namespaces of its own and no network in them. The working
# directory is the scratch folder; system.tar and python.tar are left in it, and log lines on standard output.
#
#   HOLD      an empty folder to mount things on
#   INPUTS    the input cache (read only)
#   WHEELS    the folder of wheels (read only)
#   PACKAGES  the names of the packages to install
#   SUITE     the Debian that they are of
#   EPOCH     no file is younger than this, in seconds
set -eu
umask 022
scratch=$(pwd -P)
export SOURCE_DATE_EPOCH="$EPOCH" DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 TMPDIR="$scratch"

# What is installed writes down no name of this machine.
hostname pansoft
mount -t tmpfs -o mode=755 tmpfs "$HOLD"
root=$HOLD/root
mkdir -p "$root" "$HOLD/archive/pool" "$scratch/root"
mount --bind "$scratch/root" "$root"
mount --bind -o ro "$INPUTS" "$HOLD/archive/pool"
cp "$scratch/Packages" "$HOLD/archive/Packages"

# Folders of a merged /usr must exist before the first package; $1 is mmdebstrap's, not ours.
# shellcheck disable=SC2016
merge='for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d"; ln -s "usr/$d" "$1/$d"; done'
mmdebstrap --quiet --mode=root --variant=apt --format=directory --setup-hook="$merge" \
    --skip=check/empty,cleanup/tmp --aptopt='APT::Sandbox::User "root"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --include="$PACKAGES" "$SUITE" "$root" "deb [trusted=yes] copy://$HOLD/archive ./" 2>&1
# Which mirror a job uses, its runner says. Of resolv.conf, the host's, also the mode has to go.
rm -f "$root/etc/apt/sources.list" "$root/etc/hostname" "$root/etc/resolv.conf"
: > "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
ln -sf /proc/self/mounts "$root/etc/mtab"

mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/stage" "$root/run/wheels"
mount --bind -o ro "$scratch/stage" "$root/run/stage"
mount --bind -o ro "$WHEELS" "$root/run/wheels"
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 \
    SOURCE_DATE_EPOCH="$EPOCH" PYTHONDONTWRITEBYTECODE=1 \
    /usr/sbin/chroot "$root" /bin/sh -eu /run/stage/inside.sh 2>&1
umount "$root/run/stage" "$root/run/wheels" "$root/run" "$root/tmp" "$root/proc"
umount -R "$root/dev"
umount "$root"

python3 -I "$scratch/stage/tidy.py" "$scratch/root"
cd "$scratch/root"
mkdir -p var/cache/apt/archives/partial var/lib/apt/lists/partial var/log/apt
pack() {
    tar --create --sort=name --format=posix --numeric-owner --clamp-mtime --mtime="@$EPOCH" \
        --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --file "$@"
}
# What changes with the project's lock is a layer of its own: where only that is new, only it is fetched.
# Each is removed when it is packed, for both forms of all that take a lot of room.
pack "$scratch/python.tar" ./opt/pansoft
rm -rf ./opt/pansoft
pack "$scratch/system.tar" .
cd "$scratch"
rm -rf root
