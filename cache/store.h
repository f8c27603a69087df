/*
 * store - the memory that holds cached files: a private tmpfs, which no streaming read can push out.
 *
 * The tmpfs is mounted detached (nobody sees it) with a size as a backstop and without swap where the kernel
 * can. Where mounting is not permitted each object is a memfd; its descriptor then lives as long as the
 * object. Sizes are bytes; functions return 0, a descriptor or -errno.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct store;

/* A file of the store, owned by the caller. Zeroed memory is none. */
struct store_file {
	uint32_t id; /* its name in the tmpfs; else its memfd plus one */
};

/* limit: what the tmpfs itself refuses to exceed, a backstop above the budget. memfds: how many there may be
 * where there is no tmpfs; 0: any number. */
int store_new(struct store **ret, uint64_t limit, unsigned memfds);
void store_free(struct store *store);
/* Why the store has no tmpfs: -errno, or 0 when it has one. */
int store_mount_error(const struct store *store);
/* Descriptors that files of the store hold, and whether there should be no more. */
unsigned store_descriptors(const struct store *store);
bool store_is_full(const struct store *store);

/* Makes an empty file and returns a read-write descriptor of it, which the caller closes with store_close().
 */
int store_create(struct store *store, struct store_file *file);
int store_open(struct store *store, const struct store_file *file, int flags);
void store_close(struct store *store, int fd);
/* Takes the file's name away; its pages go with the last user. */
void store_remove(struct store *store, struct store_file *file);

/* The time of its last read in ns. A passthrough read moves it: a reference bit for one statx. */
uint64_t store_atime(struct store *store, const struct store_file *file);

/* Whether somebody but us has the file open or mapped (for_writing: open for writing). Asked with a lease;
 * true when it cannot be known. The caller must have no descriptor and no backing id of it open. */
bool store_in_use(struct store *store, const struct store_file *file);
bool store_is_written(struct store *store, const struct store_file *file);
