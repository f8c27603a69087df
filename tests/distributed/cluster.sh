# shellcheck shell=sh disable=SC1090,SC1091,SC2016,SC2034,SC2154
# cluster - a distributed file system on this machine, and two machines, a and b, that use it through sievefs.
#
# A test sources it by its own path, after set -eu, and begins with
#
#	. "$(dirname "$(readlink -f "$0")")/cluster.sh"
#	cluster_begin NAME "$@"		its arguments are SIEVEFS SIEVECTL SYSTEM [ARGUMENT…]
#	cluster_start
#	cluster_mount a -o …; cluster_mount b -o …
#
# SYSTEM is gluster or moosefs; what differs between them is in the file of that name beside this one. Of live.sh, which
# it sources, it uses $work, $sievefs, skip, fail and clean_up, which ends all processes by their pids, also after a
# failure. The test runs in a mount and a network namespace of its own: nothing reaches its servers from outside,
# nothing stays mounted, and all ports are free.
#
#	$sievectl $system	as the test was given
#	$work/net/a, b	the clients' mounts: SOURCE of the machine's sievefs
#	$work/a, b		the machine's sievefs
#	$work/pid.NAME	of each process: NAME is brick (or master, chunk), client.a, sievefs.a, …
#	$work/log.NAME	what it says
#	$client_options		of the clients, set by SYSTEM so that they cache no names and attributes

. "${cluster_dir:-$(dirname "$(readlink -f "$0")")}/../support/live.sh"

cluster_address=192.0.2.1 # MooseFS takes none of 127/8
client_options=
cluster_delay_ms=0

cluster_begin() { # NAME SIEVEFS SIEVECTL SYSTEM [ARGUMENT…]
	cluster_name=$1
	shift
	[ "$(id -u)" = 0 ] || skip "needs root"
	needs unshare ip setpriv
	if [ "${SIEVEFS_CLUSTER-}" != "$$" ]; then
		unshare --mount --net true 2>/dev/null || skip "needs mount and network namespaces"
		SIEVEFS_CLUSTER=$$ exec unshare --mount --net "$0" "$@"
	fi
	sievefs=$(readlink -f "$1")
	sievectl=$(readlink -f "$2")
	system=$3
	. "${cluster_dir:-$(dirname "$(readlink -f "$0")")}/$system.sh"
	system_needs
	{ ip link set lo up && ip address add "$cluster_address/32" dev lo; } || skip "no address for the servers"
	make_work "$cluster_name-$system"
	rmdir "$mnt" "$work/src"
	mkdir "$work/net" "$work/net/a" "$work/net/b" "$work/a" "$work/b"
	cluster_guard
}

# The test may be killed, or hang in a request that no signal ends: what it has mounted must hold up nothing else.
cluster_guard() {
	SECONDS_LEFT=${CLUSTER_SECONDS:-3600} setsid sh -c '
		while kill -0 "$1" && [ "$SECONDS_LEFT" -gt 0 ]; do sleep 1; SECONDS_LEFT=$((SECONDS_LEFT - 1)); done
		awk -v work="$2/" "index(\$5, work) == 1 { sub(\".*:\", \"\", \$3); print \$3 }" /proc/self/mountinfo |
			while read -r n; do echo 1 >"/sys/fs/fuse/connections/$n/abort"; done
	' sh $$ "$work" </dev/null >/dev/null 2>&1 &
}

# Processes, by name

cluster_run() { # NAME COMMAND…: in the background
	cluster_run_name=$1
	shift
	# whatever ends the test without its clean_up ends this, too
	setpriv --pdeathsig KILL "$@" >>"$work/log.$cluster_run_name" 2>&1 &
	echo $! >"$work/pid.$cluster_run_name"
}

cluster_pid() { cat "$work/pid.$1"; } # NAME

cluster_runs() { [ -e "$work/pid.$1" ] && kill -0 "$(cluster_pid "$1")" 2>/dev/null; } # NAME

cluster_is_gone() { # PID: all its threads have ended
	[ "$(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null || echo Z)" = Z ] &&
		[ "$(ls "/proc/$1/task" 2>/dev/null | wc -l)" -le 1 ]
}

cluster_end() { # NAME [SIGNAL]: and waits until it has ended; after ten seconds it is killed
	[ -e "$work/pid.$1" ] || return 0
	cluster_end_pid=$(cluster_pid "$1")
	kill "-${2:-TERM}" "$cluster_end_pid" 2>/dev/null || true
	kill -CONT "$cluster_end_pid" 2>/dev/null || true
	cluster_until 10 cluster_is_gone "$cluster_end_pid" || kill -KILL "$cluster_end_pid" 2>/dev/null || true
	! cluster_until 10 cluster_is_gone "$cluster_end_pid" || wait "$cluster_end_pid" 2>/dev/null || true
	rm -f "$work/pid.$1"
}

# MOUNTPOINT: its FUSE connection ends. A daemon that is killed while it asks the kernel to drop pages would otherwise
# wait for ever for a page that waits for the daemon, and with it everything that looks at all mounts, such as sync(2).
cluster_abort() {
	awk -v point="$1" '$5 == point { sub(".*:", "", $3); print $3 }' /proc/self/mountinfo |
		while read -r cluster_connection; do
			{ echo 1 >"/sys/fs/fuse/connections/$cluster_connection/abort"; } 2>/dev/null || true
		done
}

cluster_until() { # SECONDS COMMAND…: tries it until it succeeds; fails after the time
	cluster_tries=$(($1 * 20))
	shift
	for _ in $(seq "$cluster_tries"); do
		! "$@" 2>/dev/null || return 0
		sleep 0.05
	done
	return 1
}

cluster_listens() { # PORT: whether something listens there, which nothing notices
	grep -q "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") [0-9A-F:]* 0A " /proc/net/tcp
}

# The system

cluster_start() { # starts the servers and both clients
	system_configure
	cluster_start_brick
	cluster_client a
	cluster_client b
}

cluster_client() { # MACHINE: starts its client and waits until it can be used
	system_client "$1"
	cluster_until 10 mountpoint -q "$work/net/$1" || fail "no client of $system: $(tail -n 5 "$work/log.client.$1")"
	cluster_wait_client "$1"
}

cluster_wait_client() { # MACHINE: until its client reaches the servers, as after cluster_start_brick
	cluster_until 40 timeout 10 mkdir -p "$work/net/$1/.ready" || fail "the client of $1 does not reach $system"
	if [ ! -e "$work/net/$1/.ready/file" ]; then # there is room only once the servers have found each other
		timeout 40 sh -c 'echo ready >"$1"' sh "$work/net/$1/.ready/file" || fail "$system can't be written"
	fi
}

cluster_end_client() { # MACHINE: as if the machine's client had been killed
	kill -KILL "$(cluster_pid "client.$1")"
	cluster_abort "$work/net/$1"
	cluster_end "client.$1" KILL
	umount -l "$work/net/$1" 2>/dev/null || true
}

cluster_start_brick() { system_start_brick; }

# The servers' machine loses power: nobody is told, what was not written is lost.
cluster_kill_brick() { system_each_server cluster_end KILL; }

# The servers answer no more, and their connections stay.
cluster_stop_brick() {
	system_each_server cluster_signal STOP
	system_each_server cluster_await_stop -
}
# Each thread stops when it next looks at its signals.
cluster_await_stop() { cluster_until 10 cluster_is_stopped "$1" || fail "$1 does not stop"; } # NAME -
cluster_is_stopped() { # NAME
	! sed 's/.*) //' "/proc/$(cluster_pid "$1")"/task/*/stat | grep -qv '^[Tt]'
}
cluster_continue_brick() { system_each_server cluster_signal CONT; }
cluster_signal() { kill "-$2" "$(cluster_pid "$1")"; } # NAME SIGNAL

# Milliseconds that each request waits at the servers (gluster), or at most waits there (moosefs); 0 for none.
# Connections may be lost by the change; it returns once both clients are back.
cluster_delay() {
	cluster_delay_ms=$1
	system_delay
	cluster_wait_client a
	cluster_wait_client b
}

# Prints what the servers were asked since the last call, a line each: KIND COUNT. What the system asks by itself is
# among it (moosefs: a few a second). The clients have to be up.
cluster_requests() { system_requests; }

cluster_request_count() { cluster_requests | awk '{ n += $2 } END { print n + 0 }'; }

# sievefs

cluster_mount() { # MACHINE ARGUMENT…: of sievefs, before SOURCE
	cluster_machine=$1
	shift
	: >"$work/log.sievefs.$cluster_machine"
	cluster_run "sievefs.$cluster_machine" "$sievefs" -f "$@" "$work/net/$cluster_machine" "$work/$cluster_machine"
	for _ in $(seq 200); do
		! mountpoint -q "$work/$cluster_machine" || return 0
		cluster_runs "sievefs.$cluster_machine" || break
		sleep 0.05
	done
	fail "does not mount: $(cat "$work/log.sievefs.$cluster_machine")"
}

cluster_unmount() { # MACHINE: fails the test unless the daemon ends well
	umount "$work/$1" || fail "umount of $1"
	wait "$(cluster_pid "sievefs.$1")" || fail "the daemon of $1 ends with $?: $(cat "$work/log.sievefs.$1")"
	rm "$work/pid.sievefs.$1"
}

cluster_stat() { # MACHINE EXPRESSION: of `sievectl stat --json`, as Python: s["cache"]["hits"]
	"$sievectl" stat "$work/$1" --json | python3 -c "import json, sys; s = json.load(sys.stdin); print($2)"
}

clean_up_test() {
	for cluster_name in net/a net/b a b; do cluster_abort "$work/$cluster_name"; done
	for cluster_name in a b net/a net/b; do umount -l "$work/$cluster_name" 2>/dev/null || true; done
	for cluster_name in "$work"/pid.*; do
		[ ! -e "$cluster_name" ] || cluster_end "${cluster_name##*/pid.}" KILL
	done
}
