# shellcheck shell=sh disable=SC2154
# gluster - one brick of GlusterFS and its clients, without glusterd; sourced by cluster.sh.

gluster_port=24007

system_needs() {
	needs glusterfsd glusterfs
	# the default of a second would have old names be used for so long
	client_options="--attribute-timeout=0 --entry-timeout=0 --fopen-keep-cache=no"
}

system_configure() {
	mkdir "$work/brick" "$work/dumps"
	cat >"$work/client.vol" <<-VOLUME
	volume client
	  type protocol/client
	  option remote-host $cluster_address
	  option remote-port $gluster_port
	  option remote-subvolume brick
	end-volume
	VOLUME
}

gluster_brick_volume() {
	cat <<-VOLUME
	volume posix
	  type storage/posix
	  option directory $work/brick
	end-volume
	volume locks
	  type features/locks
	  subvolumes posix
	end-volume
	VOLUME
	[ "$cluster_delay_ms" = 0 ] || cat <<-VOLUME
	volume delay
	  type debug/delay-gen
	  option delay-percentage 100
	  option delay-duration $((cluster_delay_ms * 1000))
	  subvolumes locks
	end-volume
	VOLUME
	cat <<-VOLUME
	volume brick
	  type debug/io-stats
	  subvolumes $([ "$cluster_delay_ms" = 0 ] && echo locks || echo delay)
	end-volume
	volume server
	  type protocol/server
	  option transport-type tcp
	  option transport.socket.bind-address $cluster_address
	  option transport.socket.listen-port $gluster_port
	  option auth.addr.brick.allow $cluster_address
	  option statedump-path $work/dumps
	  subvolumes brick
	end-volume
	VOLUME
}

system_start_brick() {
	gluster_brick_volume >"$work/brick.vol"
	cluster_run brick glusterfsd -N -f "$work/brick.vol" -p "$work/brick.pid" -l "$work/log.brick"
	cluster_until 10 cluster_listens $gluster_port || fail "no brick: $(tail -n 5 "$work/log.brick")"
}

system_each_server() { "$1" brick "$2"; }

system_client() { # MACHINE
	# shellcheck disable=SC2086
	cluster_run "client.$1" glusterfs -N -f "$work/client.vol" -p "$work/client.$1.pid" -l "$work/log.client.$1" \
		$client_options "$work/net/$1"
}

system_delay() { # the brick reads its volume file only when it starts
	cluster_kill_brick
	cluster_start_brick
}

# Until it is complete, a dump has a name without .dump.
gluster_dumped() { grep -qs '^DUMP-END-TIME' "$work"/dumps/*.dump.*; }

# The brick counts the calls of its lowest translator, and begins again with each dump.
system_requests() {
	rm -f "$work"/dumps/*
	kill -USR1 "$(cluster_pid brick)"
	cluster_until 10 gluster_dumped || fail "the brick dumps no state"
	sed -n 's/^posix\.latency\.\([A-Z]*\)=.* CNT:\([0-9]*\) .*/\1 \2/p' "$work"/dumps/*.dump.*
}
