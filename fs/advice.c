#include "fs/advice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cache/base/lock_order.h"
#include "cache/policy/sample.h"
#include "fs/bind.h"
#include "fs/copy.h"
#include "fs/server.h"

/* sievectl advise may ask about a small_max up to so many times the present one. */
#define SMALL_MAX_FACTOR 4

struct advice {
	struct sample sample;
	pthread_mutex_t lock;
};

static uint64_t size_max(const struct server *server)
{
	uint64_t small_max = server->live.small_max;

	return MIN(small_max, UINT64_MAX / SMALL_MAX_FACTOR) * SMALL_MAX_FACTOR;
}

struct advice *advice_new(const struct server *server)
{
	struct advice *advice =
		mmap(NULL, sizeof(*advice), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (advice == MAP_FAILED)
		return NULL;
	sample_init(&advice->sample, size_max(server));
	pthread_mutex_init(&advice->lock, NULL);
	return advice;
}

void advice_free(struct advice *advice)
{
	if (!advice)
		return;
	pthread_mutex_destroy(&advice->lock);
	munmap(advice, sizeof(*advice));
}

/* --- opens ------------------------------------------------------------------------------------ */

/* A pin stays valid when the file changes, a copy does not. */
static unsigned version_of(const struct opening *o)
{
	if (o->server->pins)
		return 0;
	return (unsigned)(o->unasked ? copy_id_of_stamp(o->handle->inode, o->stamp)
				     : copy_id(o->handle->inode, &o->stx));
}

void advice_opened(const struct opening *o)
{
	struct server *server = o->server;
	struct advice *advice = server->advice;
	bool by_rule = o->rule.has_lane && o->rule.lane == LANE_CACHED;
	uint64_t hash = sample_hash(o->handle->inode->nodeid);

	if (o->writes || (o->rule.has_lane && !by_rule))
		return;
	if (!sample_open(&advice->sample, hash, o->stx.stx_size, version_of(o), by_rule))
		return;
	if (lock_take_if_free(&advice->lock, LOCK_ADVICE)) {
		sample_take_in(&advice->sample, server->live.cache_size);
		lock_drop(&advice->lock, LOCK_ADVICE);
	}
}

void advice_tick(struct server *server)
{
	struct advice *advice = server->advice;

	lock_take(&advice->lock, LOCK_ADVICE);
	sample_take_in_ahead(&advice->sample, server->live.cache_size);
	lock_drop(&advice->lock, LOCK_ADVICE);
}

void advice_follow_small_max(struct server *server)
{
	struct advice *advice = server->advice;
	uint64_t wanted = size_max(server);

	lock_take(&advice->lock, LOCK_ADVICE);
	if (wanted > advice->sample.size_max)
		sample_restart(&advice->sample, wanted);
	lock_drop(&advice->lock, LOCK_ADVICE);
}

/* --- requests --------------------------------------------------------------------------------- */

static void append_number(GString *reply, const char *name, uint64_t value)
{
	g_string_append_printf(reply, "%s %" PRIu64 "\n", name, value);
}

static void describe(struct server *server, const struct sample_extent *extent, GString *reply)
{
	append_number(reply, "generation", extent->generation);
	append_number(reply, "files", extent->file_count);
	append_number(reply, "opens", extent->open_count);
	append_number(reply, "tokens", extent->token_count);
	append_number(reply, "shift", extent->shift);
	append_number(reply, "is_cut", extent->is_cut);
	append_number(reply, "seen_opens", extent->seen.opens);
	append_number(reply, "seen_bytes", extent->seen.bytes);
	append_number(reply, "cache_size", server->live.cache_size);
	append_number(reply, "admit", server->live.admit);
	append_number(reply, "small_max", server->live.small_max);
	append_number(reply, "hits", stats_counted(&server->stats.mount.hits));
	append_number(reply, "misses", stats_counted(&server->stats.mount.misses));
	g_string_append_printf(
		reply, "evict %s\n", evict_policy_name(evict_catalogue[server->options.evict]));
}

/* (locked) */
static void append_piece(const struct sample *sample, bool files, uint32_t first, void *piece, GString *reply)
{
	size_t bytes;

	if (files)
		bytes = sizeof(uint64_t) *
			sample_read_files(sample, first, piece, SAMPLE_PIECE / sizeof(uint64_t));
	else
		bytes = sizeof(uint16_t) *
			sample_read_tokens(sample, first, piece, SAMPLE_PIECE / sizeof(uint16_t));
	g_string_append_printf(reply, "%" PRIu32 "\n", sample->generation);
	g_string_append_len(reply, piece, (gssize)bytes);
}

static int answer_piece(struct advice *advice, const char *what, const char *number, GString *reply)
{
	bool files = strcmp(what, "files") == 0;
	g_autofree void *piece = NULL;
	guint64 first;

	if ((!files && strcmp(what, "tokens") != 0) ||
		!g_ascii_string_to_unsigned(number, 10, 0, UINT32_MAX, &first, NULL)) {
		g_string_append(reply, "sample: takes files NUMBER, tokens NUMBER, or no arguments");
		return -EINVAL;
	}
	piece = g_malloc(SAMPLE_PIECE);
	lock_take(&advice->lock, LOCK_ADVICE);
	append_piece(&advice->sample, files, (uint32_t)first, piece, reply);
	lock_drop(&advice->lock, LOCK_ADVICE);
	return 0;
}

int advice_sample(void *context, int argc, char *const *argv, GString *reply)
{
	struct server *server = context;
	struct advice *advice = server->advice;
	struct sample_extent extent;

	if (argc == 3)
		return answer_piece(advice, argv[1], argv[2], reply);
	if (argc != 1) {
		g_string_append(reply, "sample: takes files NUMBER, tokens NUMBER, or no arguments");
		return -EINVAL;
	}
	lock_take(&advice->lock, LOCK_ADVICE);
	sample_take_in(&advice->sample, server->live.cache_size);
	sample_read_extent(&advice->sample, &extent);
	lock_drop(&advice->lock, LOCK_ADVICE);
	describe(server, &extent, reply);
	return 0;
}
