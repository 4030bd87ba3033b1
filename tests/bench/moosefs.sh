#!/bin/bash
# MooseFS on loopback, as a peer for figures: a master, three chunkservers, one mount at goal 3.
#
#   moosefs.sh up DIR MOUNTPOINT     start and mount; flushes are on (HDD_FSYNC_BEFORE_CLOSE)
#   moosefs.sh down DIR MOUNTPOINT   unmount, end what `up` started
#
# Debian's packages moosefs-master, moosefs-chunkserver and moosefs-client. Its directories are made
# in DIR; nothing of the system's configuration is read. Its chunkservers refuse loopback addresses, so
# all of it lives in a network namespace of its own, whose loopback has another address.
set -u
verb=$1 dir=$2 mnt=$3 ip=10.99.0.1
die() { echo "moosefs.sh: $*" >&2; exit 1; }
# run NAME PROGRAM...: in the foreground of its own session, its process id in DIR/NAME.pid
run() {
        local name=$1
        shift
        setsid nsenter --net="$ns" "$@" -f start >"$dir/$name.log" 2>&1 </dev/null &
        echo $! >"$dir/$name.pid"
}

up() {
        local p k
        mkdir -p "$dir/master" "$mnt" || die "cannot make $dir"
        setsid unshare --net sleep infinity >/dev/null 2>&1 </dev/null &
        echo $! >"$dir/holder.pid"
        ns=/proc/$!/ns/net
        for k in $(seq 50); do
                [ "$(readlink "$ns")" = "$(readlink /proc/self/ns/net)" ] || break
                sleep 0.1
        done
        nsenter --net="$ns" sh -c "ip link set lo up && ip addr add $ip/32 dev lo" || die "no network namespace"
        p=9419
        cp /var/lib/mfs/metadata.mfs.empty "$dir/master/metadata.mfs" 2>/dev/null ||
                printf 'MFSM NEW' >"$dir/master/metadata.mfs"
        echo '* / rw,alldirs,admin,maproot=0:0' >"$dir/exports.cfg"
        : >"$dir/topology.cfg"
        cat >"$dir/master.cfg" <<-CFG
                WORKING_USER = root
                WORKING_GROUP = root
                NICE_LEVEL = 0
                DATA_PATH = $dir/master
                EXPORTS_FILENAME = $dir/exports.cfg
                TOPOLOGY_FILENAME = $dir/topology.cfg
                MATOML_LISTEN_HOST = $ip
                MATOML_LISTEN_PORT = $p
                MATOCS_LISTEN_HOST = $ip
                MATOCS_LISTEN_PORT = $((p + 1))
                MATOCL_LISTEN_HOST = $ip
                MATOCL_LISTEN_PORT = $((p + 2))
		CFG
        run master mfsmaster -c "$dir/master.cfg"
        for k in 1 2 3; do
                mkdir -p "$dir/chunk$k/state" "$dir/chunk$k/data"
                echo "$dir/chunk$k/data" >"$dir/chunk$k/hdd.cfg"
                cat >"$dir/chunk$k/chunk.cfg" <<-CFG
                        WORKING_USER = root
                        WORKING_GROUP = root
                        NICE_LEVEL = 0
                        DATA_PATH = $dir/chunk$k/state
                        HDD_CONF_FILENAME = $dir/chunk$k/hdd.cfg
                        HDD_FSYNC_BEFORE_CLOSE = 1
                        MASTER_HOST = $ip
                        MASTER_PORT = $((p + 1))
                        CSSERV_LISTEN_HOST = $ip
                        CSSERV_LISTEN_PORT = $((p + 2 + k))
			CFG
                run "chunk$k" mfschunkserver -c "$dir/chunk$k/chunk.cfg"
        done
        for k in $(seq 60); do
                if mountpoint -q "$mnt" || timeout 5 nsenter --net="$ns" mfsmount "$mnt" -H $ip -P $((p + 2)) >"$dir/mount.log" 2>&1; then
                        nsenter --net="$ns" mfssetgoal -r 3 "$mnt" >/dev/null 2>&1
                        # a file of goal 3 can be written once all three are there
                        timeout 5 dd if=/dev/zero of="$mnt/probe" bs=64K count=1 conv=fsync status=none 2>/dev/null &&
                                [ "$(nsenter --net="$ns" mfscheckfile "$mnt/probe" 2>/dev/null | grep -c 'chunks with 3 copies')" = 1 ] &&
                                rm "$mnt/probe" && return
                fi
                sleep 0.3
        done
        down
        die "it did not start; see $dir/*.log"
}
down() {
        local f p
        mountpoint -q "$mnt" && umount -l "$mnt"
        for f in "$dir"/*.pid; do
                [ -f "$f" ] && p=$(cat "$f") && grep -qaE "$dir|infinity" "/proc/$p/cmdline" 2>/dev/null && kill "$p"
        done
        for f in "$dir"/*.pid; do
                [ -f "$f" ] || continue
                p=$(cat "$f")
                for _ in $(seq 100); do [ -d "/proc/$p" ] || break; sleep 0.1; done
                [ -d "/proc/$p" ] && kill -9 "$p" 2>/dev/null
        done
        return 0
}
case $verb in
up) up ;;
down) down ;;
*) die "up or down" ;;
esac
