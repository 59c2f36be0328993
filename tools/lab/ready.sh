#!/bin/bash
# Installs a container engine into a layer of its own: `ready.sh BARE PACKAGES UPPER WORK ROOT -- PACKAGE …`.
# Runs in a mount namespace of its own, so that nothing stays mounted, however it ends.
set -euo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
bare=$1 packages=$2 upper=$3 work=$4 root=$5
shift 6
mount --make-rprivate /
mkdir -p "$upper" "$work" "$root"
mount -t overlay overlay -o "lowerdir=$bare,upperdir=$upper,workdir=$work" "$root"
mkdir -p "$root/srv/packages"
mount --bind "$packages" "$root/srv/packages"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d" # nothing is started in here
chmod 755 "$root/usr/sbin/policy-rc.d"
chroot "$root" apt-get update -qq
known=()
for package in "$@"; do
  if chroot "$root" apt-cache show "$package" > /dev/null 2>&1; then known+=("$package"); fi # releases divide the engine differently
done
chroot "$root" apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-unsafe-io "${known[@]}"
chroot "$root" usermod -aG docker cmctl
chroot "$root" install -d -o cmctl -g cmctl -m 750 /var/lib/cmctl
rm -rf "$root/usr/sbin/policy-rc.d" "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin
