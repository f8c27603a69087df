#!/bin/sh
# Directories listed through sievefs, where each look-up of a name is a request to the servers: a program that wants
# names alone causes no request for each of them; one that wants attributes gets them with the listing once sievefs has
# seen that.
#
# usage: test_listing.sh SIEVEFS SIEVECTL SYSTEM
set -eu
. "$(dirname "$(readlink -f "$0")")/cluster.sh"

dirs=6
files=100

cluster_begin listing "$@"
cluster_start
for dir in $(seq $dirs); do
	mkdir -p "$work/net/b/tree/$dir"
	for file in $(seq $files); do echo "$file" >"$work/net/b/tree/$dir/file-$file"; done
done
cluster_mount a

asked() { # OPERATION: how many requests the kernel has made of sievefs
	"$sievectl" stat "$work/a" --json | python3 -c "
import json, sys
print(json.load(sys.stdin)['operations'].get('$1', {}).get('count', 0))"
}
list_names() { find "$1/tree" -printf '%P %y\n' | sort; }
list_all() { find "$1/tree" -printf '%P %y %s %m %n %T@\n' | sort; }

# Both systems answer at once here; as slowly as over a network is enough to tell that from memory
[ "$system" != gluster ] || cluster_delay 1
cluster_requests >/dev/null
list_names "$work/a" >"$work/names"
cluster_requests >"$work/requests"
requests=$(awk '{ n += $2 } END { print n + 0 }' "$work/requests")
parts=$(awk '$1 == "READDIRP" { print $2 }' "$work/requests") # of gluster
[ "$(wc -l <"$work/names")" = $((dirs * (files + 1) + 1)) ] || fail "names are missing: $(wc -l <"$work/names")"
[ "$requests" -lt $((dirs * files / 2)) ] || fail "find asks for each name: $requests requests"
[ "${parts:-0}" -le $((2 * (dirs + 1))) ] || fail "the end of a directory is asked for twice: $parts READDIRP"
list_names "$work/net/a" | cmp -s - "$work/names" || fail "find finds something else than in the source"

sleep 1.1 # until what the kernel keeps has expired
before=$(asked lookup)
list_all "$work/a" >"$work/all"
lookups=$(($(asked lookup) - before))
list_all "$work/net/a" | cmp - "$work/all" || fail "attributes differ from the source's"
[ "$lookups" -lt $((dirs * files / 2)) ] || fail "attributes do not come with the listing: $lookups look-ups"

cluster_unmount a
echo "$system: names alone $requests requests to the servers, attributes of $((dirs * files)) files $lookups look-ups"
