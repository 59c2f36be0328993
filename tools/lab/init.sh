#!/bin/bash
# The first thing that runs in a host of the lab: makes its file systems, steps into them, becomes systemd.
# Runs in the host's own mount, pid, uts, ipc, network and cgroup namespace, so all of it ends with the host.
# From the environment: LAB_HOST (name), LAB_DISK (image), LAB_LAYERS (lower layers, a:b:c), LAB_PACKAGES (folder), LAB_ROOT (empty folder),
# LAB_MEMORY_MB (empty: all of the machine's).
set -euo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C

own_disk() {
  mount -t tmpfs tmpfs "$LAB_ROOT"
  mkdir "$LAB_ROOT/disk" "$LAB_ROOT/root"
  # barrier=0: the page cache of this machine is the disk's platter; a host that is killed is no machine that loses power.
  mount -t ext4 -o loop,noatime,barrier=0 "$LAB_DISK" "$LAB_ROOT/disk"
  mkdir -p "$LAB_ROOT"/disk/{upper,work,docker}
  mount -t overlay overlay -o "lowerdir=$LAB_LAYERS,upperdir=$LAB_ROOT/disk/upper,workdir=$LAB_ROOT/disk/work" "$LAB_ROOT/root"
  mkdir -p "$LAB_ROOT/root"/{proc,sys,dev,run,tmp,srv/packages,var/lib/docker}
  mount --bind "$LAB_ROOT/disk/docker" "$LAB_ROOT/root/var/lib/docker" # the engine's own overlay cannot lie on an overlay
  mount --bind -o ro "$LAB_PACKAGES" "$LAB_ROOT/root/srv/packages"
}

# Sysctls that are not the network's belong to the whole machine: read-only here.
own_proc() {
  mount -t proc -o nosuid,nodev,noexec proc proc
  mount --bind proc/sys proc/sys
  mount --bind proc/sys/net proc/sys/net
  mount -o remount,bind,ro proc/sys
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
}

# The machine's control groups as they are seen from the host's own cgroup namespace: one hierarchy (v2), or one each (v1).
own_cgroups() {
  if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
    mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
    return
  fi
  mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
  while read -r _ folder type options _; do
    case "$type:$folder" in
      cgroup:/sys/fs/cgroup/*) one_hierarchy "${folder##*/}" "$options" ;;
      cgroup2:/sys/fs/cgroup/unified) mkdir sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 sys/fs/cgroup/unified ;;
    esac
  done < /proc/mounts
  [ -d sys/fs/cgroup/systemd ] || one_hierarchy systemd name=systemd
}

one_hierarchy() {
  local controllers
  controllers=$(tr , '\n' <<< "$2" | grep -vxE 'rw|ro|relatime|noatime|nosuid|nodev|noexec|xattr|clone_children|release_agent=.*' | paste -sd,)
  [ "$1" = systemd ] && controllers=none,name=systemd
  mkdir -p "sys/fs/cgroup/$1"
  mount -t cgroup -o "$controllers" cgroup "sys/fs/cgroup/$1"
}

own_devices() {
  mount -t tmpfs -o mode=755,nosuid tmpfs dev
  mkdir dev/pts dev/shm dev/net
  for device in null zero full random urandom tty fuse net/tun; do
    [ -e "/dev/$device" ] && touch "dev/$device" && mount --bind "/dev/$device" "dev/$device"
  done
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  ln -s /proc/self/fd/0 dev/stdin
  ln -s /proc/self/fd/1 dev/stdout
  ln -s /proc/self/fd/2 dev/stderr
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
}

# A host with less memory than the machine sees that much as its own; the control group holds it to it.
own_memory() {
  [ -n "$LAB_MEMORY_MB" ] || return 0
  awk -v most="$((LAB_MEMORY_MB * 1024))" '/^Mem(Total|Free|Available):/ && $2 > most {$2 = most} {print $1, $2, $3}' proc/meminfo > run/meminfo
  mount --bind run/meminfo proc/meminfo
}

mount --make-rprivate /
own_disk
cd "$LAB_ROOT/root"
own_proc
own_cgroups
own_devices
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
own_memory
hostname "$LAB_HOST"
ip link set lo up
mkdir -p run/former
pivot_root . run/former
cd /
umount -l /run/former
rmdir /run/former
# What would change the whole machine is out of the host's reach: its clock, its kernel modules, raw devices.
exec env -i container=cmctl-lab PATH="$PATH" setpriv --bounding-set -sys_time,-sys_module,-sys_rawio,-syslog,-wake_alarm \
  /lib/systemd/systemd --system --show-status=no
