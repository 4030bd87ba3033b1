#!/bin/bash
# Prints SUPERUSER,A,B: who starts the servers here, and two users of this host that share a group, as RandomOps wants them.
# Makes the two when it runs as root and they are missing (a namenode takes the groups of a user from the host).
#
#   users.sh            print, and make what is missing
#   users.sh remove     take away what `users.sh` made
#
# A=NAME B=NAME name others, which must exist.
set -eu
a=${A:-bdalice} b=${B:-bdbob} group=bdinterop

if [ "${1:-}" = remove ]; then
	for u in "$a" "$b"; do
		id "$u" >/dev/null 2>&1 && userdel "$u" 2>/dev/null
		getent group "$u" >/dev/null && groupdel "$u"
	done
	if getent group "$group" >/dev/null; then groupdel "$group"; fi
	exit 0
fi
for u in "$a" "$b"; do
	id "$u" >/dev/null 2>&1 && continue
	[ "$(id -u)" = 0 ] && command -v useradd >/dev/null || { echo "users.sh: the user $u does not exist on this host, and only root can make it" >&2; exit 77; }
	getent group "$group" >/dev/null || groupadd "$group"
	useradd -M -N -s /usr/sbin/nologin -g "$group" "$u"
	# Each has a group of its own besides: chown to a group of the other's must be refused.
	getent group "$u" >/dev/null || groupadd "$u"
	usermod -a -G "$u" "$u"
done
echo "$(id -un),$a,$b"
