#include "fs/estale.h"

/* The kernel walks the path again at once. This is long enough for a path of many names, each looked up over
 * a slow network. */
#define WALK_MS 2000

static _Atomic uint64_t *slot_of(struct estale *estale, pid_t thread)
{
	return &estale->told[(uint32_t)thread % ESTALE_SLOTS];
}

void estale_told(struct estale *estale, pid_t thread, int64_t now_ms)
{
	*slot_of(estale, thread) = (uint64_t)(uint32_t)thread << 32 | (uint32_t)now_ms;
}

bool estale_walks_again(struct estale *estale, pid_t thread, int64_t now_ms)
{
	uint64_t told = *slot_of(estale, thread);

	return told != 0 && (pid_t)(told >> 32) == thread && (uint32_t)now_ms - (uint32_t)told <= WALK_MS;
}
