/*
 * space - whether a file system is about to use the blocks that it reserves for root (ext4, f2fs).
 *
 * The file system decides by the user of the writing thread, and the daemon is root. So that users can't take
 * these blocks, the daemon acts as the user when space is short. While there is plenty, the free space is
 * read rarely and the user is not changed, which costs more than a small write.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SPACE_OF_NAME 4096 /* bytes by which a new name may extend a directory */

struct space {
	bool kept;            /* the file system may reserve blocks */
	_Atomic int64_t room; /* bytes that may be taken before the free space is read again */
	_Atomic uint64_t until_ms;
};

/* Whether uid must be prevented from taking reserved blocks with a write of so many bytes. fd: any file of
 * the file system. */
bool space_is_short(struct space *space, uid_t uid, int fd, uint64_t bytes);

/* Makes this thread act as uid if that is so. Returns the argument for space_end(), which undoes it. */
bool space_begin(struct space *space, uid_t uid, int fd, uint64_t bytes);
void space_end(bool begun);
