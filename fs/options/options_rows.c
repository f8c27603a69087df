/* The table of options: one row each. */
#include "cache/policy/evict.h"
#include "fs/options/options.h"
#include "fs/options/options_together.h"

#define MIB (1ull << 20)

static const char *const mid_names[] = {[OPT_MID_PLAIN] = "plain", [OPT_MID_DIRECT] = "direct", NULL};
static const char *const large_names[] = {[OPT_LARGE_STREAM] = "stream",
	[OPT_LARGE_TRAIL] = "trail",
	[OPT_LARGE_DIRECT] = "direct",
	[OPT_LARGE_PLAIN] = "plain",
	NULL};
static const char *const large_write_names[] = {[OPT_WRITE_AUTO] = "auto",
	[OPT_WRITE_DIRECT] = "direct",
	[OPT_WRITE_TRAIL] = "trail",
	[OPT_WRITE_MEASURED] = "measured",
	[OPT_WRITE_PLAIN] = "plain",
	NULL};
static const char *const store_names[] = {
	[STORE_AUTO] = "auto", [STORE_PIN] = "pin", [STORE_COPY] = "copy", NULL};
static const char *const write_names[] = {[WRITE_AROUND] = "around", [WRITE_THROUGH] = "through", NULL};
static const char *const coherence_names[] = {
	[COHERENCE_OPEN] = "open", [COHERENCE_EXCLUSIVE] = "exclusive", NULL};
static const char *const locks_names[] = {[LOCKS_SHARED] = "shared", [LOCKS_LOCAL] = "local", NULL};
static const char *const transport_names[] = {
	[TRANSPORT_AUTO] = "auto", [TRANSPORT_URING] = "uring", [TRANSPORT_DEV] = "dev", NULL};
static const char *const queue_class_names[] = {
	[QUEUE_CLASS_AUTO] = "auto", [QUEUE_CLASS_NORMAL] = "normal", NULL};
static const char *const passthrough_names[] = {
	[PASSTHROUGH_AUTO] = "auto", [PASSTHROUGH_ON] = "on", [PASSTHROUGH_OFF] = "off", NULL};
static const char *const xattr_names[] = {[XATTR_ON] = "on", [XATTR_OFF] = "off", NULL};
static const char *const sandbox_names[] = {[SANDBOX_ON] = "on", [SANDBOX_OFF] = "off", NULL};

static const char *evict_name(size_t i)
{
	return evict_catalogue[i] ? evict_policy_name(evict_catalogue[i]) : NULL;
}

static const char *const log_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
	NULL,
};

#define OPTION(word, kind, member, ...)                                                                      \
	{                                                                                                    \
		.name = word, .type = OPTION_##kind, .offset = offsetof(struct options, member), __VA_ARGS__ \
	}

/* clang-format off: a table reads by its columns */
static const struct option_row rows[] = {
	OPTION("cache_size", SIZE, cache_size, .min = MIB, .percent = true, .fallback = "10%", .live = true,
		.help = "memory for cached files"),
	OPTION("cache_min", SIZE, cache_min, .percent = true, .fallback = "0", .live = true,
		.help = "size that the cache keeps when memory is short"),
	OPTION("memory_floor", SIZE, memory_floor, .percent = true, .fallback = "5%", .live = true,
		.help = "available memory below which the cache shrinks; 0 = never"),
	OPTION("small_max", SIZE, small_max, .min = 1, .fallback = "1M", .live = true,
		.help = "largest file that may be cached"),
	OPTION("large_min", SIZE, large_min, .min = 1, .fallback = "32M", .live = true,
		.help = "smallest file that is large"),
	OPTION("rules", PATH, rules, .help = "file with rules for particular files"),
	OPTION("pins", PATH, pins, .help = "file that records what sievectl pin pinned"),
	OPTION("admit", UINT, admit, .max = 15, .fallback = "2", .live = true, /* the ghost list's limit */
		.help = "open at which a file is cached; 0 = never"),
	OPTION("store", CHOICE, store, .choices = store_names, .fallback = "auto",
		.help = "how files are cached: their pages pinned, or copied"),
	OPTION("settle", DURATION, settle_ms, .max = 86400000, .fallback = "2s", .live = true,
		.help = "how long a file must have been unchanged to be copied"),
	OPTION("evict", CHOICE, evict, .choice_at = evict_name,
		.help = "eviction policy: which file leaves a full cache"),
	OPTION("mid", CHOICE, mid, .choices = mid_names, .fallback = "plain",
		.help = "lane of files between small_max and large_min"),
	OPTION("large", CHOICE, large, .choices = large_names, .fallback = "stream",
		.help = "lane of files from large_min on"),
	OPTION("large_write", CHOICE, large_write, .choices = large_write_names, .fallback = "auto",
		.help = "lane of large or new files opened for writing"),
	OPTION("large_keep", SIZE, large_keep, .percent = true, .fallback = "10%", .live = true,
		.help = "page cache for large files that are read repeatedly; 0 = none"),
	OPTION("stream_window", SIZE, stream_window, .min = 2 * MIB, .max = 1ULL << 30, .fallback = "32M",
		.live = true, .help = "page cache that a stream may fill (large=stream)"),
	OPTION("stream_after", SIZE, stream_after, .fallback = "256K", .max = 1ULL << 30, .live = true,
		.help = "bytes read in order that make a stream (large=stream)"),
	OPTION("stream_gap", SIZE, stream_gap, .fallback = "128K", .max = 1ULL << 30, .live = true,
		.help = "bytes that a reader may skip and still read in order"),
	OPTION("direct_readahead", SIZE, direct_readahead, .max = 64 * MIB, .fallback = "8M", .live = true,
		.help = "readahead of a direct stream; 0 = none"),
	OPTION("direct_depth", UINT, direct_depth, .min = 1, .max = 64, .fallback = "8", .live = true,
		.help = "requests a direct stream keeps in flight"),
	OPTION("direct_memory", SIZE, direct_memory, .min = MIB, .percent = true, .fallback = "64M",
		.help = "memory for all streams together"),
	OPTION("write", CHOICE, write, .choices = write_names, .fallback = "around", .live = true,
		.help = "what a write has reached when it returns"),
	OPTION("dirty_expire", DURATION, dirty_expire_ms, .min = 100, .max = 86400000, .word = "kernel",
		.fallback = "kernel", .live = true, .help = "age of dirty data at which writeback starts"),
	OPTION("dirty_writeback", DURATION, dirty_writeback_ms, .min = 10, .max = 86400000, .word = "kernel",
		.fallback = "kernel", .live = true, .help = "how often the age of dirty data is checked"),
	OPTION("dirty_background", SIZE, dirty_background, .min = MIB, .percent = true, .word = "kernel",
		.fallback = "kernel", .live = true, .help = "dirty data above which writeback starts"),
	OPTION("dirty_max", SIZE, dirty_max, .min = MIB, .percent = true, .word = "kernel",
		.fallback = "kernel", .live = true,
		.help = "dirty data above which writers wait for the disk"),
	OPTION("revalidate", DURATION, revalidate_ms, .max = 366ull * 86400000, .fallback = "0", .live = true,
		.help = "how long a copy is used without checking SOURCE"),
	OPTION("coherence", CHOICE, coherence, .choices = coherence_names, .fallback = "open",
		.help = "whether SOURCE changes other than through the mount"),
	OPTION("locks", CHOICE, locks, .choices = locks_names, .fallback = "shared",
		.help = "which processes file locks exclude"),
	OPTION("attr_timeout", SECONDS, attr_timeout_s, .max = OPTIONS_FOREVER_S, .fallback = "1",
		.live = true, .help = "how long the kernel may cache attributes"),
	OPTION("entry_timeout", SECONDS, entry_timeout_s, .max = OPTIONS_FOREVER_S, .fallback = "1",
		.live = true, .help = "how long the kernel may cache names"),
	OPTION("negative_timeout", SECONDS, negative_timeout_s, .max = OPTIONS_FOREVER_S, .word = "auto",
		.fallback = "auto", .live = true,
		.help = "how long the kernel may cache that a name is missing"),
	OPTION("transport", CHOICE, transport, .choices = transport_names, .fallback = "auto",
		.help = "how requests reach the daemon"),
	OPTION("uring_depth", UINT, uring_depth, .max = 1024, .fallback = "0",
		.help = "requests per CPU over io_uring; 0 = automatic"),
	OPTION("queue_class", CHOICE, queue_class, .choices = queue_class_names, .fallback = "auto",
		.help = "scheduling class of the threads that serve requests over io_uring"),
	OPTION("max_read", SIZE, max_read, .min = 4096, .max = OPTIONS_MAX_READ, .fallback = "256K",
		.help = "largest read request of the kernel"),
	OPTION("passthrough", CHOICE, passthrough, .choices = passthrough_names, .fallback = "auto",
		.help = "let the kernel move the bytes"),
	OPTION("xattr", CHOICE, xattr, .choices = xattr_names, .fallback = "on",
		.help = "extended attributes: ACLs and capabilities of files, too"),
	OPTION("sandbox", CHOICE, sandbox, .choices = sandbox_names, .fallback = "on",
		.help = "give up privileges and system calls that are not needed"),
	OPTION("log", CHOICE, log, .choices = log_names, .fallback = "info", .live = true,
		.help = "least urgent level that is logged"),
	OPTION("metrics", ADDRESS, metrics, .help = "serve metrics over HTTP at unix:PATH or 127.0.0.1:PORT"),
};
/* clang-format on */

static const struct option_table table = {rows, G_N_ELEMENTS(rows)};

const struct option_table *options_table(void)
{
	return &table;
}
