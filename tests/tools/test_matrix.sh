#!/bin/bash
#
# README's table of what one gets where, against real opens, `sievectl stat` and `sievectl doctor`: as root and as a
# user, on each file system that can be made here. Linux before 6.9 is imitated by passthrough=off, before 6.5 also by a
# filter that refuses cachestat(2); for doctor by another uname(2).
#
# usage: test_matrix.sh SIEVEFS SIEVECTL README FSTYPE.C TYPES
# TYPES: those of tmpfs ext4 xfs btrfs f2fs overlay fuse that are tried, in this order; overlay lies on tmpfs
set -u

skip() { echo "skipped: $1"; exit 77; }
fail() { echo "FAILED: $1"; exit 1; }

sievefs=$(readlink -f "$1") sievectl=$(readlink -f "$2") readme=$(readlink -f "$3") types=$(readlink -f "$4") tried_types=$5
if [ "${6:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -c /dev/fuse ] || skip "needs /dev/fuse"
	command -v python3 >/dev/null || skip "needs python3"
	unshare -m true 2>/dev/null || skip "needs a mount namespace of its own"
	"$sievectl" doctor | grep -q '^passthrough  *ok' || skip "needs Linux 6.9 with passthrough"
	exec unshare -m --propagation private bash "$0" "$sievefs" "$sievectl" "$readme" "$types" "$tried_types" inside
fi

work=$(mktemp -d /tmp/sievefs-matrix-XXXXXX)
# shellcheck disable=SC2317 # the trap calls it
clean_up() {
	umount "$work/mnt" 2>/dev/null || umount -l "$work/mnt" 2>/dev/null
	for place in overlay fuse tmpfs ext4 xfs btrfs f2fs; do
		umount "$work/$place" 2>/dev/null || umount -l "$work/$place" 2>/dev/null
	done
	rm -rf "$work"
}
trap clean_up EXIT
chmod 755 "$work"
# An ordinary user needs a /dev/fuse that it may open; only this namespace sees this one.
mknod -m 666 "$work/device" c 10 229 2>/dev/null && mount --bind "$work/device" /dev/fuse

# --- the table: who|Linux|SOURCE on|hot|small|read|written|store|transport, one row a line, no blanks around words
sed -n '/^## What you get where/,/^## Options/s/^| *\(root\|user\)/\1/p' "$readme" | sed 's/ *| */|/g; s/|$//' >"$work/table"
[ "$(wc -l <"$work/table")" -gt 5 ] || fail "README has no such table"
row_of() { # WHO KERNEL TYPE: the one row; types that are not named are others
	awk -F '|' -v who="$1" -v kernel="$2" -v type="$3" '
		function has(list, word,   n, words, i) {
			n = split(list, words, ", ")
			for (i = 1; i <= n; i++)
				if (words[i] == word)
					return 1
			return 0
		}
		{ all[NR] = $0; named = named || has($3, type) }
		END {
			for (i = 1; i <= NR; i++) {
				split(all[i], f, "|")
				if (f[1] == who && has(f[2], kernel) && has(f[3], named ? type : "others"))
					print all[i]
			}
		}' "$work/table"
}
# The types that the code takes for local are named, and no others.
sed -n 's/^\t{[A-Z0-9_]*, "\([a-z0-9]*\)", .*\.local = true.*/\1/p' "$types" | sort >"$work/local"
cut -d '|' -f 3 "$work/table" | tr ',' '\n' | tr -d ' ' | grep -vx others | sort -u >"$work/named"
diff "$work/local" "$work/named" || fail "backends/fstype.c (<) and README (>) have other local file systems"
for who in root user; do
	for kernel in 6.9+ 6.5–6.8 "before 6.5"; do
		for type in $(cat "$work/local") others; do
			[ "$(row_of "$who" "$kernel" "$type" | wc -l)" = 1 ] || fail "not one row of $who, $kernel, $type"
		done
	done
done

# --- one mount
cat >"$work/no_cachestat.py" <<'END_OF_PYTHON'
# Runs a program to which cachestat(2), number 451 everywhere, is a call that the kernel does not have.
import ctypes, os, struct, sys
rules = ((0x20, 0, 0, 0), (0x15, 0, 1, 451), (0x06, 0, 0, 0x50026), (0x06, 0, 0, 0x7fff0000))
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
program = Program(len(rules), ctypes.addressof(code))
if ctypes.CDLL(None).prctl(22, 2, ctypes.byref(program), 0, 0) != 0:
    sys.exit("no filter")
os.execvp(sys.argv[1], sys.argv[1:])
END_OF_PYTHON

value_of() { awk -v name="$1" '$1 == name { print $2; exit }' "$work/stat"; }
report() { "${as[@]}" "$sievectl" stat "$work/mnt" >"$work/stat" || fail "$what: stat"; }
opens() { # the number of opens by lane, one a line
	report
	awk '/^lane / { on = 1; next } on && !NF { exit } on { print $1, $2 }' "$work/stat"
}
# look COMMAND...: sets lane to that of the one open that the command makes below the mount
look() {
	opens >"$work/before"
	# shellcheck disable=SC2016 # for the other shell
	"${as[@]}" sh -c 'cd "$0" && exec "$@"' "$work/mnt" "$@" >/dev/null 2>"$work/error" || fail "$what: $*: $(cat "$work/error")"
	opens >"$work/after"
	lane=$(diff "$work/before" "$work/after" | sed -n 's/^> \([a-z-]*\) .*/\1/p' | tr '\n' ' ' | sed 's/ $//')
}
is() { # COLUMN WANTED GOT
	[ "$2" = "$3" ] || fail "$what: $1 is \"$3\", README says \"$2\""
}
# "served, as trailed" for the lane served, where the daemon treats large files so
said() { if [ "$1" = served ]; then echo "served, as $2"; else echo "$1"; fi; }
doctor_is() { # NAME WHETHER...: whether the check is ok
	local ok=no name=$1
	shift
	! grep -q "^$name  *ok" "$work/doctor" || ok=yes
	if "$@"; then [ $ok = yes ]; else [ $ok = no ]; fi || fail "$what: $name is otherwise: $(cat "$work/doctor")"
}

try() { # WHO KERNEL TYPE
	local options=large_min=4M,admit=1,settle=0 launch=() uname=() lane
	as=()
	what="$1, $2, $3"
	[ "$1" = root ] || as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	[ "$2" = 6.9+ ] || options=$options,passthrough=off uname=(setarch --uname-2.6)
	[ "$2" != "before 6.5" ] || launch=(python3 "$work/no_cachestat.py")
	IFS='|' read -r _ _ _ hot small read written store transport < <(row_of "$1" "$2" "$3")
	rm -f "$work/$3"/*.bytes
	echo small >"$work/$3/small.bytes"
	head -c 2M /dev/zero >"$work/$3/middle.bytes"
	head -c 8M /dev/zero >"$work/$3/large.bytes"
	chmod 666 "$work/$3"/*.bytes
	"${launch[@]}" "${as[@]}" "$sievefs" -o $options "$work/$3" "$work/mnt" 2>"$work/log" || fail "$what: $(cat "$work/log")"

	for _ in $(seq 50); do # until it is in the cache
		look cat small.bytes
		[ "$(value_of hits)" = 0 ] || break
		sleep 0.1
	done
	[ "$(value_of hits)" -gt 0 ] || fail "$what: no open is answered from the cache"
	is "small and hot" "$hot" "$lane"
	look cat middle.bytes
	is "below large_min" "$small" "$lane"
	look cat large.bytes
	is "large, read" "$read" "$(said "$lane" "$(value_of large_used)")"
	look dd if=/dev/zero of=large.bytes conv=notrunc bs=1M count=8
	is "large, written" "$written" "$(said "$lane" "$(value_of large_write_used)")"
	is store "$store" "$(value_of store_used)"

	# doctor says why. Whether requests could go over io_uring does not depend on passthrough, so that an imitated
	# kernel is no test of it.
	"${launch[@]}" "${as[@]}" "${uname[@]}" "$sievectl" doctor "$work/$3" >"$work/doctor"
	doctor_is kernel [ "$2" = 6.9+ ]
	doctor_is passthrough [ "$hot" = cached ]
	doctor_is cachestat [ "$2" != "before 6.5" ]
	doctor_is memlock [ "$1" = root ]
	doctor_is backing grep -qx "$3" "$work/local"
	if [ "$2" = 6.9+ ]; then
		grep -q '^uring  *ok' "$work/doctor" || [ "$transport" != uring ] || transport=dev
		is transport "$transport" "$(value_of transport_used)"
	fi
	umount "$work/mnt" 2>/dev/null || "${as[@]}" fusermount3 -u "$work/mnt" || fail "$what: umount"
	tried=$((tried + 1))
}

# --- the file systems: make TYPE, below $work
make() {
	local image=$work/$1.image
	mkdir "$work/$1"
	case $1 in
	tmpfs) mount -t tmpfs tmpfs "$work/tmpfs" ;;
	overlay)
		mkdir "$work/lower" "$work/tmpfs/upper" "$work/tmpfs/work"
		mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/tmpfs/upper,workdir=$work/tmpfs/work" "$work/overlay"
		;;
	fuse)
		mkdir "$work/bound"
		chmod 777 "$work/bound"
		bindfs "$work/bound" "$work/fuse"
		;;
	*)
		command -v "mkfs.$1" >/dev/null || return
		truncate -s 400M "$image"
		"mkfs.$1" "$image" && mount -o loop "$image" "$work/$1"
		;;
	esac >"$work/log" 2>&1 && { [ "$1" = fuse ] || chmod 777 "$work/$1"; }
}

mkdir "$work/mnt"
chown 65534 "$work/mnt"
tried=0
PATH=$PATH:/usr/sbin:/sbin
for type in $tried_types; do
	make $type || { echo "not tried: $type can't be had here: $(tail -n 1 "$work/log")"; continue; }
	for kernel in 6.9+ 6.5–6.8 "before 6.5"; do
		try root "$kernel" $type
		try user "$kernel" $type
	done
done
[ "$tried" -ge 6 ] || fail "nothing was tried"
echo "$tried mounts are as README says"
