/*
 * keeper - a process that holds files mapped and locked, so that their pages stay in the page cache.
 *
 * It does what it is told over a socket and nothing else: no threads, no FUSE, no privilege but CAP_IPC_LOCK,
 * no descriptors but its socket and those that tell whose pages it maps (charged.h); a file is closed once it
 * is mapped; of the kernel's calls it may make a dozen (cache/sandbox/). It never touches what it maps. It
 * ends when nobody has the other end of the socket any more, however that came. Its oom_score_adj makes the
 * kernel take it before anything else: its pages are then ordinary page cache, which costs hits and nothing
 * more.
 *
 * Messages are datagrams in order (SOCK_SEQPACKET) between processes of one build: one request or several,
 * and as many replies in one message. A call that its sandbox refuses is told in a message of its own
 * (struct sandbox_refused), whose size no reply has. See keepers.h for the side that sends them. Units: pages
 * of 4096 bytes, addresses of the keeper's.
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
	KEEPER_PIN,   /* a descriptor comes along: maps and locks `pages` of it from its beginning */
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
 * pages are charged to another group, or it is not known to which. -ENOMEM: and nothing behind it in its
 * message was tried; all of that is answered alike.
 */
struct keeper_reply {
	int32_t error;
	uint64_t address;
};

/* What a keeper does until its socket is closed; then it ends. argv: what its program was executed with. */
_Noreturn void keeper_main(int socket, char **argv);
