#include "fs/op_work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/io.h"
#include "fs/threads.h"

void op_work_run(struct op_work *work)
{
	struct server *server = server_of(work->req);

	/* over /dev/fuse threads are started as needed (loop.h); over io_uring each CPU has one */
	if (!server->uring) {
		work->run(work);
		return;
	}
	io_hold_thread(server);
	io_work_begins();
	pool_push(server->workers, work);
}

static void make_again(struct op_work *work)
{
	struct op_again *again = (struct op_again *)work;
	struct server *server = server_of(work->req);
	struct inode *inode = tree_find(server->tree, again->ino);
	int fd = inode ? tree_open_patiently(server->tree, inode, O_RDWR) : -1;

	if (fd >= 0)
		close(fd);
	else
		g_usleep(10000);
	atomic_fetch_sub(&server->waiting, 1);
	again->run(again);
	free(again);
}

bool op_retry_after_lease(fuse_req_t req, const struct op_again *again)
{
	struct server *server = server_of(req);
	struct op_again *own = malloc(sizeof(*own));
	bool too_many = atomic_fetch_add(&server->waiting, 1) >= server->waiting_max;

	if (!own || too_many) {
		atomic_fetch_sub(&server->waiting, 1);
		free(own);
		op_reply(req, too_many ? -EAGAIN : -ENOMEM);
		return false;
	}
	*own = *again;
	own->work = (struct op_work){.run = make_again, .req = req};
	if (server->uring)
		io_hold_thread(server);
	io_work_begins();
	pool_push(server->waiters, own);
	return true;
}

static void run_held(struct op_again *again)
{
	again->held->run(again->held);
}

void op_work_retry_after_lease(struct op_work *work, fuse_ino_t ino)
{
	if (!op_retry_after_lease(work->req, &(struct op_again){.run = run_held, .ino = ino, .held = work}))
		free(work);
}

void op_work_in_pool(gpointer data, gpointer user_data)
{
	struct op_work *work = data;

	(void)user_data;
	work->run(work);
	io_work_ends();
}
