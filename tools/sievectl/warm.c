#include "tools/sievectl/warm.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/libsievefs/sievefs.h"
#include "tools/sievectl/progress.h"
#include "tools/sievectl/walk.h"

#define THREADS 32     /* each waits for one file: the mount reads up to 16 together */
#define QUEUED_MAX 512 /* paths that wait for a thread */
#define LOOK_US 1000   /* between two looks whether a file has arrived */
#define MIB (1024.0 * 1024.0)

struct amount {
	uint64_t files, bytes;
};

/* A reason why files are not cached, and how many files have it. */
struct refusal {
	char word[SIEVEFS_WORD_SIZE];
	struct amount amount;
};

struct warming {
	GThreadPool *pool;
	GMutex lock; /* of all below */
	GCond taken; /* a path left the queue */
	unsigned queued;
	struct amount all, cached, in_page_cache, stayed;
	GArray *refusals;
	struct progress progress;
	int status;
};

/* The first signal ends the walk; files that were requested by then are awaited and reported. A second signal
 * kills. */
static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
	signal(SIGINT, SIG_DFL);
}

static void add(struct amount *amount, uint64_t bytes)
{
	amount->files++;
	amount->bytes += bytes;
}

static void note_failure(void *context, const char *path, int error)
{
	struct warming *warming = context;

	g_mutex_lock(&warming->lock);
	progress_clear(&warming->progress);
	walk_complain(path, error);
	warming->status = EXIT_FAILURE;
	g_mutex_unlock(&warming->lock);
}

/* --- one file ---------------------------------------------------------------------------------- */

/* Why a file is not cached. If the mount agreed to cache it and did not: nothing could be evicted for it,
 * memory is short, its pages are charged to another group, or it changed meanwhile. */
static const char *refusal_of(const struct sievefs_file *file)
{
	bool agreed = g_str_equal(file->cache, "seldom") || g_str_equal(file->cache, "next") ||
		      g_str_equal(file->cache, "evicted") || g_str_equal(file->cache, "outgrown");

	return agreed ? "no-room" : file->cache;
}

/* (locked) */
static void count_refusal(struct warming *warming, const struct sievefs_file *file)
{
	const char *word = refusal_of(file);
	struct refusal fresh = {0};

	for (unsigned i = 0; i < warming->refusals->len; i++) {
		struct refusal *refusal = &g_array_index(warming->refusals, struct refusal, i);

		if (g_str_equal(refusal->word, word)) {
			add(&refusal->amount, file->size);
			return;
		}
	}
	g_strlcpy(fresh.word, word, sizeof(fresh.word));
	add(&fresh.amount, file->size);
	g_array_append_val(warming->refusals, fresh);
}

static void count(struct warming *warming, const struct sievefs_file *file)
{
	bool whole = file->flags & SIEVEFS_COUNTED && file->cached_bytes >= file->size;

	g_mutex_lock(&warming->lock);
	if (file->flags & SIEVEFS_CACHED)
		add(&warming->cached, file->size);
	else if (g_str_equal(file->cache, "too-large") && g_str_equal(file->lane, "plain") && whole)
		add(&warming->in_page_cache, file->size);
	else
		count_refusal(warming, file);
	progress_add(&warming->progress, 1, file->size);
	g_mutex_unlock(&warming->lock);
}

/* In a thread of the pool's. */
static void warm_file(void *data, void *context)
{
	struct warming *warming = context;
	g_autofree char *path = data;
	struct sievefs_file file;
	int r = sievefs_warm_at(AT_FDCWD, path, &file);

	while (r == 0 && file.flags & SIEVEFS_FILLING) {
		g_usleep(LOOK_US);
		r = sievefs_state_at(AT_FDCWD, path, &file);
	}
	if (r == 0)
		count(warming, &file);
	else if (r != -ENOENT)
		note_failure(warming, path, r);
	g_mutex_lock(&warming->lock);
	warming->queued--;
	g_cond_signal(&warming->taken);
	g_mutex_unlock(&warming->lock);
}

/* --- all ---------------------------------------------------------------------------------------- */

static bool sum_up(void *context, int dirfd, const char *name, const char *path)
{
	struct warming *warming = context;
	struct stat st;

	(void)path;
	if (fstatat(dirfd, name, &st, 0) == 0)
		add(&warming->all, (uint64_t)st.st_size);
	return !interrupted;
}

static bool queue_file(void *context, int dirfd, const char *name, const char *path)
{
	struct warming *warming = context;

	(void)dirfd;
	(void)name;
	g_mutex_lock(&warming->lock);
	while (warming->queued >= QUEUED_MAX)
		g_cond_wait(&warming->taken, &warming->lock);
	warming->queued++;
	g_mutex_unlock(&warming->lock);
	g_thread_pool_push(warming->pool, g_strdup(path), NULL);
	return !interrupted;
}

static bool count_stayed(void *context, int dirfd, const char *name, const char *path)
{
	struct warming *warming = context;
	struct sievefs_file file;

	(void)path;
	if (sievefs_state_at(dirfd, name, &file) == 0 && file.flags & SIEVEFS_CACHED)
		add(&warming->stayed, file.size);
	return !interrupted;
}

static void ignore_failure(void *context, const char *path, int error)
{
	(void)context;
	(void)path;
	(void)error; /* it was reported during the first walk */
}

static void print_amount(const struct amount *amount, const char *what)
{
	if (amount->files)
		printf("%" PRIu64 " files, %.1f MiB %s\n", amount->files, (double)amount->bytes / MIB, what);
}

static void print_result(const struct warming *warming)
{
	const struct amount *cached = &warming->cached, *stayed = &warming->stayed;
	const struct amount left = {cached->files - MIN(stayed->files, cached->files),
		cached->bytes - MIN(stayed->bytes, cached->bytes)};

	printf("%" PRIu64 " files, %.1f MiB cached\n", stayed->files, (double)stayed->bytes / MIB);
	print_amount(&left, "were cached and evicted again: this needs a larger cache_size");
	print_amount(&warming->in_page_cache, "read into the page cache, which may drop them");
	for (unsigned i = 0; i < warming->refusals->len; i++) {
		const struct refusal *refusal = &g_array_index(warming->refusals, struct refusal, i);
		g_autofree char *what = g_strdup_printf("not cached: %s", refusal->word);

		print_amount(&refusal->amount, what);
	}
	if (interrupted)
		puts("interrupted: the rest was skipped");
}

int warm_run(const char *const *paths, const char *const *flags)
{
	struct warming warming = {.refusals = g_array_new(FALSE, FALSE, sizeof(struct refusal))};
	const struct walk sum = {sum_up, ignore_failure, &warming};
	const struct walk queue = {queue_file, note_failure, &warming};
	const struct walk look = {count_stayed, ignore_failure, &warming};

	(void)flags;
	signal(SIGINT, interrupt);
	walk_paths(&sum, paths);
	progress_begin(&warming.progress, warming.all.files, warming.all.bytes);
	warming.pool = g_thread_pool_new(warm_file, &warming, THREADS, FALSE, NULL);
	walk_paths(&queue, paths);
	g_thread_pool_free(warming.pool, FALSE, TRUE);
	progress_clear(&warming.progress);
	if (interrupted)
		warming.stayed = warming.cached;
	else
		walk_paths(&look, paths);
	print_result(&warming);
	g_array_free(warming.refusals, TRUE);
	return interrupted ? EXIT_FAILURE : warming.status;
}
