# shellcheck shell=sh disable=SC2154
# moosefs - a master, a chunk server and the clients of MooseFS; sourced by cluster.sh.

moosefs_chunk_port=24961
moosefs_client_port=24962

system_needs() {
	PATH=$PATH:/usr/sbin:/sbin
	needs mfsmaster mfschunkserver mfsmount
	moosefs_empty=/var/lib/mfs/metadata.mfs.empty
	[ -e "$moosefs_empty" ] || skip "needs $moosefs_empty"
	client_options=mfsattrcacheto=0,mfsentrycacheto=0,mfsdirentrycacheto=0,mfsnegentrycacheto=0
}

system_configure() {
	mkdir "$work/master" "$work/chunk" "$work/disk"
	cp "$moosefs_empty" "$work/master/metadata.mfs"
	echo "$cluster_address / rw,alldirs,admin,maproot=0:0" >"$work/exports.cfg"
	: >"$work/topology.cfg"
	: >"$work/mount.cfg"
	echo "$work/disk" >"$work/disks.cfg"
	moosefs_common="WORKING_USER = $(id -un)
		WORKING_GROUP = $(id -gn)
		NICE_LEVEL = 0
		DISABLE_OOM_KILLER = 0"
	# Changes of metadata are in its log when they are acknowledged.
	cat >"$work/master.cfg" <<-CONFIG
		$moosefs_common
		DATA_PATH = $work/master
		EXPORTS_FILENAME = $work/exports.cfg
		TOPOLOGY_FILENAME = $work/topology.cfg
		CHANGELOG_SAVE_MODE = 1
		MATOML_LISTEN_HOST = $cluster_address
		MATOML_LISTEN_PORT = 24963
		MATOCS_LISTEN_HOST = $cluster_address
		MATOCS_LISTEN_PORT = $moosefs_chunk_port
		MATOCL_LISTEN_HOST = $cluster_address
		MATOCL_LISTEN_PORT = $moosefs_client_port
	CONFIG
	cat >"$work/chunk.cfg" <<-CONFIG
		$moosefs_common
		DATA_PATH = $work/chunk
		HDD_CONF_FILENAME = $work/disks.cfg
		HDD_LEAVE_SPACE_DEFAULT = 64MiB
		MASTER_HOST = $cluster_address
		MASTER_PORT = $moosefs_chunk_port
		MASTER_RECONNECTION_DELAY = 1
		CSSERV_LISTEN_HOST = $cluster_address
		CSSERV_LISTEN_PORT = 24964
	CONFIG
}

system_start_brick() { # -a: replays the log of changes where the master was killed
	cluster_run master mfsmaster -f -a -c "$work/master.cfg" start
	cluster_until 20 cluster_listens $moosefs_client_port || fail "no master: $(tail -n 5 "$work/log.master")"
	cluster_run chunk mfschunkserver -f -c "$work/chunk.cfg" start
	cluster_until 20 cluster_listens 24964 || fail "no chunk server: $(tail -n 5 "$work/log.chunk")"
}

system_each_server() { "$1" chunk "$2" && "$1" master "$2"; }

system_client() { # MACHINE
	cluster_run "client.$1" mfsmount -f -c "$work/mount.cfg" -H "$cluster_address" -P $moosefs_client_port \
		-o "$client_options,mfsnice=0,mfsallowoomkiller" "$work/net/$1"
	moosefs_count "$1" >"$work/counted.$1"
}

# Nothing in MooseFS delays: its servers are stopped for that time, again and again, and go on for a moment between.
system_delay() {
	if [ -e "$work/pid.delay" ]; then
		cluster_end delay KILL
		cluster_continue_brick
	fi
	[ "$cluster_delay_ms" != 0 ] || return 0
	cluster_run delay sh -c 'while :; do kill -STOP $2; sleep "$1"; kill -CONT $2; sleep 0.002; done' sh \
		"$(awk "BEGIN { print $cluster_delay_ms / 1000 }")" "$(cluster_pid master) $(cluster_pid chunk)"
}

moosefs_count() { # MACHINE: what its client has asked so far
	awk -F '[.:] *' '
		/^master\.packets_sent:/ { print "master", $NF }
		/^fuse_ops\.(read|write):/ { print $2, $NF }' "$work/net/$1/.stats" 2>/dev/null || true
}

# Clients count what they send to the master. The chunk servers count nothing; of them, the kernel's reads and writes
# of clients are counted, which is what they are asked unless the client reads ahead or has the bytes already.
system_requests() {
	for moosefs_machine in a b; do
		moosefs_count $moosefs_machine >"$work/counting"
		awk 'FILENAME == ARGV[1] { before[$1] = $2; next } { print $1, $2 - before[$1] }' "$work/counted.$moosefs_machine" "$work/counting"
		mv "$work/counting" "$work/counted.$moosefs_machine"
	done | awk '{ n[$1] += $2 } END { for (kind in n) print kind, n[kind] }'
}
