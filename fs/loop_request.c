/* Which requests may wait for SOURCE, decided from the raw request. */
#include <linux/fuse.h>
#include <string.h>

#include "fs/control/control.h"
#include "fs/copy.h"
#include "fs/loop.h"
#include "fs/ops_control.h"
#include "fs/server.h"

#define OPCODE_STATX 52 /* Linux 6.6 */

static bool asks_for_control(const struct fuse_in_header *in, size_t size)
{
	const char *name = (const char *)(in + 1);

	return in->nodeid == FUSE_ROOT_ID && size >= sizeof(*in) + sizeof(CONTROL_NAME) &&
	       memcmp(name, CONTROL_NAME, sizeof(CONTROL_NAME)) == 0;
}

bool loop_may_wait(struct server *server, const struct fuse_in_header *in, size_t size)
{
	if (in->nodeid == CONTROL_NODEID)
		return false;
	switch (in->opcode) {
	case FUSE_INIT:
	case FUSE_DESTROY:
	case FUSE_INTERRUPT:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		return false;
	case FUSE_LOOKUP:
		return !asks_for_control(in, size);
	case FUSE_OPEN:
	case FUSE_GETATTR:
	case OPCODE_STATX:
	case FUSE_READ:
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		return !copy_answers_at_once(server, in->nodeid);
	default:
		return true;
	}
}

bool loop_may_let_go(const struct fuse_in_header *in)
{
	switch (in->opcode) {
	case FUSE_LOOKUP:
	case FUSE_OPEN:
	case FUSE_GETATTR:
	case OPCODE_STATX:
	case FUSE_READLINK:
	case FUSE_OPENDIR:
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
	case FUSE_STATFS:
		return true;
	default:
		return false;
	}
}

bool loop_may_drop(const struct fuse_in_header *in)
{
	switch (in->opcode) {
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_SETLK:
	case FUSE_SETLKW:
		return false;
	default:
		return true;
	}
}
