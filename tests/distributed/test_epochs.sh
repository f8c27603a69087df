#!/bin/sh
# A small training job: four readers read each file once an epoch, in another order each time. With room for all files
# the second epoch hits all of them, and with -o revalidate the third asks the servers nothing; with room for half of
# the files there are nearly as many hits as if the cache kept one half for good.
#
# usage: test_epochs.sh SIEVEFS SIEVECTL SYSTEM
set -eu
. "$(dirname "$(readlink -f "$0")")/cluster.sh"

files=120
cluster_begin epochs "$@"
needs python3
cluster_start

mkdir "$work/net/b/epochs"
charged=0
for i in $(seq $files); do
	kib=$((20 + i * 67 % 181))
	dd if=/dev/urandom of="$work/net/b/epochs/$i" bs=1k count=$kib status=none
	charged=$((charged + (kib + 3) / 4 * 4096 + 2304)) # whole pages, and what is charged besides
done
sleep 2.2 # as long as the option settle says

# What opens, reads and closes, as sendfile's users do: cat and Python's open() also ask for attributes.
cat >"$work/read.py" <<-'END'
	import os, random, sys
	directory, worker, epoch, files = sys.argv[1], *map(int, sys.argv[2:])
	random.Random(epoch).shuffle(order := list(range(1, files + 1)))
	for number in order[worker::4]:
	    file = os.open(f"{directory}/{number}", os.O_RDONLY)
	    while os.read(file, 1 << 20):
	        pass
	    os.close(file)
END

read_all() { # MOUNT NUMBER
	seq 0 3 | xargs -I @ -P 4 python3 "$work/read.py" "$work/$1/epochs" @ "$2" $files >&2 || fail "files can't be read"
}

epoch() { # NUMBER: reads all files, and prints hits in percent of the opens
	epoch_before=$(cluster_stat a 's["cache"]["hits"]')
	read_all a "$1"
	echo $((($(cluster_stat a 's["cache"]["hits"]') - epoch_before) * 100 / files))
}

filled() { [ "$(cluster_stat a 's["cache"]["fills"]')" -ge $files ]; }

long=revalidate=1h,entry_timeout=3600,attr_timeout=3600
cluster_mount a -o "admit=1,cache_size=$((charged * 9 / 8)),$long"
# What other tests drop is names as well, which would have to be asked for
exec 9>>/proc/sys/vm/drop_caches && flock -s 9
cluster_requests >/dev/null
read_all net/b 1
alone=$(cluster_request_count)
epoch 1 >/dev/null
first=$(cluster_request_count)
# what is brought in is read once, by the open that waits for it
[ "$first" -lt $((alone * 5 / 4)) ] || fail "the client alone makes $alone requests, the first epoch $first"
cluster_until 20 filled || fail "with room for all, not all files are cached"
second=$(epoch 2)
[ "$second" -ge 95 ] || fail "with room for all, $second % of the second epoch's opens are hits"
cluster_requests >/dev/null
hot=$(epoch 3)
requests=$(cluster_request_count)
sleep 1
idle=$(cluster_request_count)
[ "$hot" -ge 95 ] || fail "with room for all, $hot % of the third epoch's opens are hits"
# what the system asks by itself, and df of the daemon's, are a few
[ "$requests" -lt $((files / 10 + 3 * idle)) ] || fail "a hot epoch makes $requests requests, nothing $idle"
cluster_unmount a

exec 9>&-
cluster_mount a -o "admit=1,cache_size=$((charged / 2)),$long"
epoch 1 >/dev/null
half=0
for i in 2 3 4; do half=$((half + $(epoch $i))); done
half=$((half / 3))
# one that never evicts has half of the files in each epoch
[ "$half" -ge 40 ] || fail "with room for half, $half % of the opens are hits"
cluster_unmount a
echo "$system: alone $alone requests, the first epoch $first; hits $second and $hot % with room for all, $half % for half; a hot epoch makes $requests requests, nothing $idle"
