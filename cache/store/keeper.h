/*
 * keeper - a process that has files mapped and locked, so that their pages stay in the page cache.
 *
 * It serves requests on a socket and does nothing else: no threads, no FUSE, no privilege but CAP_IPC_LOCK,
 * no descriptors but its socket and those that tell which cgroup pays for its pages (charged.h). A file is
 * closed once it is mapped, and the mapping is never touched. The keeper may make a dozen system calls
 * (cache/sandbox/). It ends when the other end of its socket is closed, for whatever reason. Its
 * oom_score_adj makes the OOM killer choose it before anything else: its pages then are ordinary page cache,
 * which costs hits and nothing more.
 *
 * Messages are datagrams in order (SOCK_SEQPACKET) between processes of one build: a message has one request
 * or several, and is answered by one message with as many replies. A call that its sandbox refuses is
 * reported by a message of its own (struct sandbox_refused), which is told from replies by its size. See
 * keepers.h for the side that sends requests. Units: pages of 4096 bytes; addresses are the keeper's.
 */
#pragma once

#include <stdint.h>

#define KEEPER_PAGE 4096

/* The program's name when it runs as a keeper: argv[0]. Its socket is descriptor 3. */
#define KEEPER_NAME "sievefs-keeper"
#define KEEPER_SOCKET 3
#define KEEPER_IN_SANDBOX "sandbox" /* argv[1] of one whose system calls are filtered */

#define KEEPER_BATCH 16 /* requests in one message, at most */

enum keeper_verb {
	KEEPER_PIN,   /* comes with a descriptor: maps and locks the first `pages` pages of the file */
	KEEPER_UNPIN, /* alone in its message, and not answered: unmaps `pages` at `address` */
};

struct keeper_request {
	uint32_t verb;
	uint32_t pages;
	uint64_t address;
	uint64_t group; /* KEEPER_PIN: the memory cgroup that may pay for the pages, besides the root group;
			   0: any may */
};

/*
 * error: 0 or -errno, and then nothing is mapped. -EFAULT: the file is shorter, or can't be read. -EBUSY:
 * pages are charged to another group, or it is not known to which. -ENOMEM: the kernel allows no more; the
 * requests after it in its message were not tried, and have the same error.
 */
struct keeper_reply {
	int32_t error;
	uint64_t address;
};

/* What a keeper does until its socket is closed; then it ends. argv: what its program was executed with. */
_Noreturn void keeper_main(int socket, char **argv);
