#include "fs/payload.h"
#include "cache/base/hash.h"
#include "cache/base/lock_order.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <sys/mman.h>

#define PARTS 16

/* Divided by the buffer's address, so that queues seldom wait for each other. */
static struct known {
	pthread_mutex_t lock;
	GHashTable *seconds; /* address of a buffer -> second address of its memory */
} __attribute__((aligned(64))) parts[PARTS] = {[0 ... PARTS - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER}};

static struct known *part_of(const char *buf)
{
	return &parts[hash_mix64((uintptr_t)buf) % PARTS];
}

/* Maps new shared memory at two addresses, which the system chooses. 0 or -errno. */
static int map_twice(size_t size, char **first, char **second)
{
	*first = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (*first == MAP_FAILED)
		return -errno;
	*second = mremap(*first, 0, size, MREMAP_MAYMOVE); /* size 0: the old mapping stays */
	if (*second != MAP_FAILED)
		return 0;
	munmap(*first, size);
	return -ENOMEM;
}

/* (locked) Maps new memory at buf, and at a second address. */
static int replace(struct known *known, char *buf, size_t size)
{
	char *first, *second = NULL;
	int r = map_twice(size, &first, &second);

	if (r < 0)
		return r;
	if (mremap(first, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, buf) == MAP_FAILED) {
		munmap(first, size);
		munmap(second, size);
		return -ENOMEM;
	}
	g_hash_table_insert(known->seconds, buf, second);
	return 0;
}

void payload_borrow(fuse_req_t req, size_t size, struct payload *payload)
{
	struct known *known;

	*payload = (struct payload){0};
	if (!fuse_req_is_uring(req) || fuse_req_get_payload(req, &payload->buf, &payload->size, NULL) != 0 ||
		payload->size < size) {
		payload->buf = NULL;
		return;
	}
	known = part_of(payload->buf);
	lock_take(&known->lock, LOCK_PAYLOAD);
	if (!known->seconds)
		known->seconds = g_hash_table_new(NULL, NULL);
	payload->io = g_hash_table_lookup(known->seconds, payload->buf);
	if (!payload->io && replace(known, payload->buf, payload->size) == 0)
		payload->io = g_hash_table_lookup(known->seconds, payload->buf);
	lock_drop(&known->lock, LOCK_PAYLOAD);
	if (!payload->io)
		payload->io = payload->buf;
}

int payload_replace(const struct payload *payload)
{
	struct known *known;
	int r;

	if (!payload->buf)
		return 0;
	if (payload->io == payload->buf)
		return -ENOTSUP;
	known = part_of(payload->buf);
	lock_take(&known->lock, LOCK_PAYLOAD);
	r = replace(known, payload->buf, payload->size);
	lock_drop(&known->lock, LOCK_PAYLOAD);
	return r;
}

void payload_abandoned(const struct payload *payload)
{
	if (payload->io != payload->buf)
		munmap(payload->io, payload->size);
}

void payload_forget_all(void)
{
	/* the second mappings end with the process */
	for (int i = 0; i < PARTS; i++)
		g_clear_pointer(&parts[i].seconds, g_hash_table_destroy);
}
