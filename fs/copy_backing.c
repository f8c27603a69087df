/* The copy as a backing file of the kernel's: while it is registered, a backing id holds it open. */
#include <fcntl.h>

#include "cache/store/store_copy.h"
#include "fs/backing_id.h"
#include "fs/copy_impl.h"

int copy_backing_id(struct server *server, struct object *object)
{
	int fd;

	if (object->backing_id > 0)
		return 0;
	fd = store_copy_open(cache_store(server->cache), &object->place, O_RDONLY);
	if (fd < 0)
		return fd;
	object->backing_id = backing_id_open(server->session, fd);
	store_copy_close(cache_store(server->cache), fd);
	return object->backing_id < 0 ? object->backing_id : 0;
}

void copy_forget_backing_id(struct server *server, struct object *object)
{
	backing_id_close(server->session, object->backing_id);
	object->backing_id = 0;
}

bool copy_is_mapped(struct server *server, struct object *object)
{
	copy_forget_backing_id(server, object);
	return store_copy_in_use(cache_store(server->cache), &object->place);
}
