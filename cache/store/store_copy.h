/*
 * store_copy - files are kept by copying them: the kind "copy" of store.h. The copies lie in a private tmpfs,
 * which no streaming read can push out.
 *
 * The tmpfs is mounted detached (no process sees it), with a size as a backstop, and without swap if the
 * kernel can. If mounting is not permitted, each copy is a memfd, whose descriptor lives as long as the copy.
 * Sizes are bytes; functions return 0, a descriptor or -errno.
 */
#pragma once

#include "cache/store/store.h"

/* limit: what the tmpfs itself refuses to exceed, a backstop above the budget. memfds: how many there may be
 * where there is no tmpfs; 0: any number. */
int store_copy_new(struct store **ret, uint64_t limit, unsigned memfds);
/* Why the store has no tmpfs: -errno, or 0 when it has one. */
int store_copy_mount_error(const struct store *store);

/* A descriptor of the copy, which the caller closes with store_copy_close(). */
int store_copy_open(struct store *store, const union store_place *place, int flags);
void store_copy_close(struct store *store, int fd);
/* Copies the first size bytes of the source to the beginning of fd. Returns bytes copied, or -errno. */
int64_t store_copy_bytes(const struct store_source *source, int fd, uint64_t size);
/* As pwrite(2), but all of it or -errno. */
int64_t store_copy_write(int fd, const void *buf, size_t size, off_t offset);

/*
 * Whether another process has the copy open or mapped; store_copy_is_written(): open for writing or mapped
 * so. Asked by a lease; true when that can't tell. This process must have no descriptor and no backing id of
 * the copy.
 */
bool store_copy_in_use(struct store *store, const union store_place *place);
bool store_copy_is_written(struct store *store, const union store_place *place);
