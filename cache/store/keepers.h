/*
 * keepers - the processes that hold pages locked, as their owner sees them: pins a file's pages, and lets
 * them go.
 *
 * One process holds some 65,000 mappings (vm.max_map_count): another one is started when those there are
 * full. One that dies (the OOM killer takes it first) loses its pins: they are ordinary page cache from then
 * on, keepers_holds() says no of them, and it is not replaced for a while, since memory is short.
 *
 * Functions may be called from any thread. A pin is its owner's: two threads must not use the same one at
 * once. keepers_pin() and keepers_resize() wait for the keeper, and read what is not in the page cache; a
 * caller who must not wait for a disk reads the file first. Units: bytes, pages of 4096. Errors: -errno.
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

/* Starts the first keeper, so that a machine where it can't be had is known at once. 0 or -errno. */
int keepers_new(struct keepers **ret, const struct keepers_options *options);
/* Ends the keepers, and with them all pins. */
void keepers_free(struct keepers *keepers);

/* False for a while after a keeper died: pinning says -EAGAIN. */
bool keepers_are_ready(const struct keepers *keepers);
/*
 * Maps and locks size bytes of the file, which is open for reading. group: the memory cgroup that may pay for
 * its pages, besides the root group (charged.h); 0: any may. 0 or -errno, and then the pin is none. -EAGAIN:
 * a keeper died lately. -ENOMEM: the kernel allows no more mappings or locked pages. -EFAULT: the file is
 * shorter, or can't be read. -EBUSY: pages are charged to another group, or it is not known to which; they
 * have not been locked.
 */
int keepers_pin(struct keepers *keepers, int fd, uint64_t size, uint64_t group, struct pin *pin);

/* A file to pin, and what came of it. */
struct pin_order {
	int fd;
	uint64_t size, group; /* as above */
	struct pin pin;
	int error;
};

/* The same for several files: one turn of a keeper's for as many as it takes at once. */
void keepers_pin_many(struct keepers *keepers, struct pin_order *orders, unsigned count);
/* The file has another size, or pages of it went (truncated, written around the page cache): holds size bytes
 * of it instead. Errors as above, and then the pin is what it was; -EOWNERDEAD: its keeper is gone. */
int keepers_resize(struct keepers *keepers, struct pin *pin, int fd, uint64_t size, uint64_t group);
void keepers_unpin(struct keepers *keepers, struct pin *pin);
/* Whether the pin is still held: false once its keeper died. */
bool keepers_holds(struct keepers *keepers, const struct pin *pin);

/* Notices deaths. Returns how many there were since the last call: whoever owns pins looks through them. */
unsigned keepers_check(struct keepers *keepers);
void keepers_read_figures(struct keepers *keepers, struct keepers_figures *figures);
