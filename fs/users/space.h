/*
 * space - how near a file system is to the blocks that it keeps for root (ext4, f2fs).
 *
 * They are given by the user that the writing thread is, and the daemon is root. So that no user gets them,
 * what takes space for him is made as himself where the file system runs short; and that is asked rarely
 * while there is plenty, since changing the user costs more than a small write.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SPACE_OF_NAME 4096 /* bytes that a directory may take for a further name */

struct space {
	bool kept;            /* there may be such blocks */
	_Atomic int64_t room; /* bytes that may be taken before it is asked again */
	_Atomic uint64_t until_ms;
};

/* Whether uid, who takes so many bytes, may reach those blocks and must not; fd: any file of the file system.
 */
bool space_is_short(struct space *space, uid_t uid, int fd, uint64_t bytes);

/* Makes this thread uid where that is so. Returns whether space_end() is to undo it. */
bool space_begin(struct space *space, uid_t uid, int fd, uint64_t bytes);
void space_end(bool begun);
