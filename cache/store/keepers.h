/*
 * keepers - the owner's side of all keepers: pins the pages of files, and unpins them.
 *
 * A keeper can have some 65,000 mappings (vm.max_map_count); when all keepers are full, another one is
 * started. A keeper that dies (the OOM killer takes it first) loses its pins: their pages are ordinary page
 * cache from then on, keepers_holds() returns false for them, and the keeper is not replaced for a while,
 * since memory is short.
 *
 * Functions may be called from any thread. The caller owns each pin, and two threads must not use the same
 * one at once. keepers_pin() and keepers_resize() wait for the keeper, and read what is not in the page
 * cache; a caller who must not wait for a disk reads the file first. Units: bytes, pages of 4096. Errors:
 * -errno.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct keepers;

struct keepers_options {
	const char *program;   /* what is executed, with KEEPER_NAME as its argv[0]: it calls keeper_main() */
	bool sandboxed;        /* their system calls are filtered */
	unsigned mappings_max; /* of one keeper; 0: the default */
	unsigned retry_ms;     /* after a death: nothing new is pinned for so long; 0: the default */
};

/* A file's pages, held. Zeroed memory is none. */
struct pin {
	uint64_t address;
	uint32_t pages;
	uint16_t keeper; /* its place, from 1; 0: none */
	uint16_t generation;
};

struct keepers_figures {
	unsigned keepers; /* alive */
	uint64_t pins, pages, deaths;
};

/* Starts the first keeper, so that a machine that allows none is found out at once. 0 or -errno. */
int keepers_new(struct keepers **ret, const struct keepers_options *options);
/* Ends the keepers, and with them all pins. */
void keepers_free(struct keepers *keepers);

/* False for a while after a keeper died: pinning returns -EAGAIN. */
bool keepers_are_ready(const struct keepers *keepers);
/*
 * Maps and locks size bytes of the file, which is open for reading. group: the memory cgroup that may pay for
 * its pages, besides the root group (charged.h); 0: any may. 0 or -errno, and then the pin is none. -EAGAIN:
 * a keeper died lately. -ENOMEM: the kernel allows no more mappings or locked pages. -EFAULT: the file is
 * shorter, or can't be read. -EBUSY: pages are charged to another group, or it is not known to which; they
 * have not been locked.
 */
int keepers_pin(struct keepers *keepers, int fd, uint64_t size, uint64_t group, struct pin *pin);

/* A file to pin, and the result. */
struct pin_order {
	int fd;
	uint64_t size, group; /* as above */
	struct pin pin;
	int error;
};

/* The same for several files, as many in one message as a keeper takes. */
void keepers_pin_many(struct keepers *keepers, struct pin_order *orders, unsigned count);
/* Pins size bytes of the file instead, after its size changed or pages left the page cache (truncation,
 * O_DIRECT writes). Errors as above, and then the pin is unchanged; -EOWNERDEAD: its keeper is gone. */
int keepers_resize(struct keepers *keepers, struct pin *pin, int fd, uint64_t size, uint64_t group);
void keepers_unpin(struct keepers *keepers, struct pin *pin);
/* Whether the pin is still held: false once its keeper died. */
bool keepers_holds(struct keepers *keepers, const struct pin *pin);

/* Notices keepers that died. Returns how many since the last call: if any, the owner checks its pins with
 * keepers_holds(). */
unsigned keepers_check(struct keepers *keepers);
void keepers_read_figures(struct keepers *keepers, struct keepers_figures *figures);
