/*
 * keeper_process - the owner's side of one keeper (keeper.h): starts it, sends requests, ends it.
 *
 * The caller serialises the calls on one keeper. Errors: -errno.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "cache/store/keeper.h"

/* Zeroed memory is no process. */
struct keeper_process {
	pid_t pid; /* 0: none runs */
	int socket;
};

/* program: what is executed, with KEEPER_NAME as its argv[0]. sandboxed: its system calls are filtered. */
int keeper_process_start(struct keeper_process *process, const char *program, bool sandboxed);
/* Kills it, if it is alive, and reaps it. */
void keeper_process_end(struct keeper_process *process);

/* Sends count requests, KEEPER_BATCH at most, that are not answered. fds: as many descriptors, or NULL. */
int keeper_process_tell(const struct keeper_process *process, const struct keeper_request *requests,
	const int *fds, unsigned count);
/* The same, and waits for as many replies. -EOWNERDEAD: the keeper died; keeper_process_end() follows. */
int keeper_process_ask(const struct keeper_process *process, const struct keeper_request *requests,
	const int *fds, struct keeper_reply *replies, unsigned count);
/* Also logs what its sandbox refused. */
bool keeper_process_is_dead(const struct keeper_process *process);
