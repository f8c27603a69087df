#!/bin/bash
#
# The units of systemd and the map of autofs: systemd finds nothing to object to, and what they start mounts.
#
# usage: test_units.sh SIEVEFS SERVICE MOUNT AUTOMOUNT MAP PAGE CALLS
set -u

skip() { echo "skipped: $1"; exit 77; }
fail() { echo "FAILED: $1"; exit 1; }

sievefs=$(readlink -f "$1")
service=$2 mount_unit=$3 automount_unit=$4 map=$5 page=$6 calls=$7
work=$(mktemp -d /tmp/sievefs-units-XXXXXX)
daemon=
# shellcheck disable=SC2317 # the trap calls it
clean_up() {
	[ -z "$daemon" ] || { kill "$daemon" 2>/dev/null; wait "$daemon" 2>/dev/null; }
	umount -l "$work/mnt" 2>/dev/null
	rm -rf "$work"
}
trap clean_up EXIT
mkdir "$work/src" "$work/mnt" "$work/units"
echo bytes >"$work/src/file"

# value_of UNIT NAME
value_of() { sed -n "s/^$2=//p" "$1"; }

# What systemd says of the units. It exits with 0 over lines that it ignores, and says which.
verify() {
	local said
	said=$(systemd-analyze verify --man=no "$@" 2>&1) || fail "systemd-analyze: $said"
	said=$(grep -F -e "$work" -e sievefs -e mnt-data <<<"$said")
	[ -z "$said" ] || fail "systemd-analyze: $said"
}
sed "s|^ExecStart=[^ ]*|ExecStart=$sievefs|" "$service" >"$work/units/sievefs@.service"
cp "$mount_unit" "$automount_unit" "$work/units/"
if command -v systemd-analyze >/dev/null; then
	verify "$work/units/sievefs@srv-data.service"
	verify "$work/units/mnt-data.mount" "$work/units/mnt-data.automount"
else
	echo "not tried: systemd-analyze is not installed"
fi
# What the service's process may do: what the daemon keeps, and dropping the rest
kept=$(sed -n '/^.Sh SANDBOX/,/^.Sh LIMITS/s/^.It Cm \(CAP_.*\)/\1/p' "$page" | tr ',' '\n' | tr -d ' ')
kept=$(printf '%s\nCAP_SETPCAP\n' "$kept" | sort | tr '\n' ' ')
[ "$(value_of "$service" CapabilityBoundingSet | tr ' ' '\n' | sort | tr '\n' ' ')" = "$kept" ] ||
	fail "the service's capabilities are not those of sievefs(8), SANDBOX: $kept"
grep -E "^(Protect(System|Home|Kernel.*|ControlGroups|Proc|Clock)|Private(Tmp|Devices|Mounts|Users|IPC)|ProcSubset|(ReadOnly|ReadWrite|Inaccessible|Exec|NoExec|BindReadOnly|Bind)Paths|TemporaryFileSystem|RootDirectory|RootImage|MountFlags|RestrictSUIDSGID|DevicePolicy)=" \
	"$service" && fail "a setting of the service hides the mount, or takes something from programs in it"
if command -v systemd-analyze >/dev/null; then
	# shellcheck disable=SC2046 # the groups are words
	refused=$(systemd-analyze syscall-filter $(value_of "$service" SystemCallFilter | tr -d '~') |
		sed -n 's/^ *\([a-z0-9_]\{2,\}\)$/\1/p' | sort -u)
	[ "$(wc -l <<<"$refused")" -gt 50 ] || fail "systemd-analyze lists no calls: $refused"
	both=$(sed '/^#if IS_SANITIZED/,/^#endif/d' "$calls" | grep -o '{"[a-z0-9_]*"' | tr -d '{"' | sort -u | comm -12 - <(echo "$refused"))
	[ -z "$both" ] || fail "the service refuses what the daemon calls: $both"
	# of 100; what is missing would hide the mount
	SYSTEMD_UNIT_PATH=$work/units: systemd-analyze security --offline=true --threshold=60 --no-pager \
		sievefs@srv-data.service >"$work/security" || fail "exposed: $(tail -n 1 "$work/security")"
	tail -n 1 "$work/security"
fi
[ "$(value_of "$mount_unit" Where)" = "$(value_of "$automount_unit" Where)" ] || fail "the automount has another place"

[ "$(id -u)" = 0 ] || skip "the rest needs root"
[ -c /dev/fuse ] || skip "the rest needs /dev/fuse"

# begin: starts the service's command as systemd would, with a configuration's values
begin() {
	local command
	command=$(value_of "$work/units/sievefs@.service" ExecStart)
	MOUNTPOINT=$work/mnt OPTIONS=$1 setpriv --no-new-privs --bounding-set="$bounding" \
		sh -c "exec ${command//%f/$work/src}" 2>"$work/log" &
	daemon=$!
	for _ in $(seq 100); do
		mountpoint -q "$work/mnt" && return
		sleep 0.1
	done
	fail "the service does not mount: $(cat "$work/log")"
}

bounding=-all$(value_of "$service" CapabilityBoundingSet | tr ' ' '\n' | sed 's/^CAP_/,+/' | tr -d '\n' | tr '[:upper:]' '[:lower:]')
begin "cache_size=16M,nosuid"
grep -q "^NoNewPrivs:[[:space:]]*1" "/proc/$daemon/status" || fail "the service's process may get privileges"
grep -q warning "$work/log" && fail "the service's process misses something: $(cat "$work/log")"
grep -q " $work/mnt [^ ]*nosuid" /proc/self/mountinfo || fail "the options do not arrive"
cmp "$work/src/file" "$work/mnt/file" || fail "the service's mount shows something else"

# A daemon that is killed leaves nothing behind, so that the service can be started again
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
for _ in $(seq 100); do
	mountpoint -q "$work/mnt" || { grep -qF " $work/mnt " /proc/self/mountinfo || break; }
	sleep 0.1
done
grep -qF " $work/mnt " /proc/self/mountinfo && fail "a killed service leaves its mount behind"
begin "rw"
kill "$daemon"
wait "$daemon" || fail "the service ends with status $?: $(cat "$work/log")"
daemon=

# try WHAT OPTIONS: as mount(8) does with what the example says
try() {
	"$sievefs" -o "$2" "$work/src" "$work/mnt" || fail "$1 does not mount with $2"
	cmp "$work/src/file" "$work/mnt/file" || fail "$1 shows something else"
	umount "$work/mnt"
}
options=$(value_of "$mount_unit" Options)
try "mnt-data.mount" "${options//%%/%}"
options=$(sed -n 's/^data -fstype=fuse.sievefs,\([^ ]*\) .*/\1/p' "$map")
try "auto.sievefs" "$options"
echo "all units mount"
