#!/bin/sh
# sievectl advise on a live mount: too few opens, then a table that agrees with the mount's own hits, as JSON and as
# a picture, and what it refuses.
#
# usage: test_sievectl_advise.sh SIEVEFS SIEVECTL
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")
needs python3

make_work advise

# 600 files of 1K to 64K, some of them hot: what is opened, in order, is the same each time. The pauses are for pinning:
# until a file is pinned, each open of it is another miss.
cat >"$work/opens.py" <<'END'
import os, random, sys, time
directory, count = sys.argv[1], int(sys.argv[2])
draw = random.Random(1)
files = ["%s/%d" % (directory, i) for i in range(600)]
if count == 0:
    for f in files:
        with open(f, "wb") as out:
            out.write(bytes(draw.choice([1, 2, 4, 8, 16, 64]) << 10))
for i, f in enumerate(draw.choices(files, [1 / (i + 1) for i in range(600)], k=count)):
    os.close(os.open(f, os.O_RDONLY))
    if i % 20 == 0:
        time.sleep(0.001)
END
python3 "$work/opens.py" "$work/src" 0
head -c 262144 /dev/zero >"$work/src/large"
head -c 16777216 /dev/zero >"$work/src/larger"

mount_it -o cache_size=2M,small_max=128K,settle=0,memory_floor=0

# Too few
python3 "$work/opens.py" "$mnt" 12
if "$sievectl" advise "$mnt" >"$work/out" 2>"$work/error"; then fail "12 opens are enough"; fi
[ ! -s "$work/out" ] || fail "12 opens give: $(cat "$work/out")"
grep -qx 'sievectl: the sample is too small: 12 opens of [0-9]* files so far, and advise needs 1000 opens' \
	"$work/error" || fail "12 opens give: $(cat "$work/error")"

# Enough (those that come while others are taken in are lost); a file above small_max is asked about, one above four times that is not
python3 "$work/opens.py" "$mnt" 20000
for _ in $(seq 100); do cat "$mnt/large" "$mnt/larger" >/dev/null; done
"$sievectl" advise "$mnt" >"$work/out" || fail "advise"
grep -Eq '^sample: (19[5-9]|20[01])[0-9]{2} opens of (59[0-9]|60[01]) files, one file in 1, out of ' "$work/out" ||
	fail "the sample is not of all opens: $(head -n 1 "$work/out")"
[ "$(grep -c '^\*.*|#' "$work/out")" = 4 ] || fail "not four rows of the mount as it is: $(cat "$work/out")"
for row in '0.25x 512K' ' 0.5x 1M' '   1x 2M' '   8x 16M' evict=s3gd evict=lru admit=1 admit=4 small_max=32K small_max=512K; do
	grep -q "^[* ] *$row " "$work/out" || fail "no row of $row: $(cat "$work/out")"
done

"$sievectl" advise "$mnt" --json >"$work/json" || fail "advise --json"
python3 - "$work/json" <<'END' || fail "advise --json: $(cat "$work/json")"
import json, sys
a = json.load(open(sys.argv[1]))
curve = [a["curve"][k]["hit_ratio"] for k in ("0.25", "0.5", "1", "2", "4", "8")]
assert all(0 < r < 1 for r in curve) and curve[0] < curve[2] < curve[5], curve
assert a["curve"]["1"]["hit_ratio"] == a["options"]["evict=s3gd"]["hit_ratio"] == a["options"]["admit=2"]["hit_ratio"]
assert a["curve"]["8"]["cache_size"] == 8 * a["mount"]["cache_size"]
# The mount's own: 112 opens of its 20112 are of a larger file, which it does not count.
own = a["mount"]["hits"] / 20112
print("the mount %.4f, advised %.4f" % (own, curve[2]))
assert abs(own - curve[2]) < 0.03, (own, curve[2])
# Now the large file is hit a hundred times, and takes an eighth of the cache.
assert a["options"]["small_max=256K"]["hit_ratio"] != curve[2]
assert a["options"]["small_max=512K"] == a["options"]["small_max=256K"]
END

# A picture
if command -v gnuplot >/dev/null; then
	"$sievectl" advise --svg "$work/a picture.svg" "$mnt" >/dev/null || fail "advise --svg"
	"$sievectl" advise "$mnt" "--svg=$work/b.svg" --json >/dev/null || fail "advise --svg=FILE"
	cmp -s "$work/a picture.svg" "$work/b.svg" || fail "two pictures differ"
	python3 -c 'import sys, xml.dom.minidom as x; assert x.parse(sys.argv[1]).documentElement.tagName == "svg"' \
		"$work/b.svg" || fail "--svg is no SVG"
	if "$sievectl" advise "$mnt" --svg "$work/none/x.svg" >/dev/null 2>"$work/error"; then fail "--svg into nowhere"; fi
	[ "$(cat "$work/error")" = "sievectl: $work/none/x.svg: No such file or directory" ] ||
		fail "--svg into nowhere gives: $(cat "$work/error")"
else
	echo "left out: pictures, without gnuplot"
fi
if PATH=/nowhere "$sievectl" advise "$mnt" --svg "$work/c.svg" >/dev/null 2>"$work/error"; then fail "--svg without gnuplot"; fi
[ "$(cat "$work/error")" = "sievectl: --svg: needs gnuplot, which is not installed" ] ||
	fail "--svg without gnuplot gives: $(cat "$work/error")"
[ ! -e "$work/c.svg" ] || fail "--svg without gnuplot leaves a file"

# Another size is what it speaks of from then on
"$sievectl" set "$mnt" cache_size=4M
"$sievectl" advise "$mnt" | grep -q '^\* *1x 4M ' || fail "set cache_size is not followed"

# What it refuses
if "$sievectl" advise "$mnt" --svg 2>"$work/error"; then fail "--svg without a file"; fi
grep -q '^sievectl: --svg: takes a value, usage: sievectl advise' "$work/error" || fail "--svg alone: $(cat "$work/error")"
if "$sievectl" advise "$mnt" --png x 2>"$work/error"; then fail "--png"; fi
grep -q '^sievectl: --png: unknown flag' "$work/error" || fail "--png: $(cat "$work/error")"
if command -v setpriv >/dev/null; then
	if setpriv --reuid 65534 --regid 65534 --clear-groups "$sievectl" advise "$mnt" 2>"$work/error"; then
		fail "another user may ask"
	fi
	grep -q 'sample: only root and the owner of the mount' "$work/error" || fail "another user: $(cat "$work/error")"
fi
if (echo sample files x >"$mnt/.sievefs") 2>/dev/null; then fail "a number that is none was taken"; fi
echo "all advice is right"
