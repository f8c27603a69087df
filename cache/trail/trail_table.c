#include <sys/eventfd.h>
#include <sys/inotify.h>

#include "cache/trail/trail_impl.h"

struct trail_file **trail_slot_of(struct trail *trail, uint64_t id)
{
	struct trail_file **slot = &trail->buckets[(id ^ id >> 17) % TRAIL_BUCKETS];

	while (*slot && (*slot)->id != id)
		slot = &(*slot)->next;
	return slot;
}

void trail_insert(struct trail *trail, struct trail_file *file)
{
	*trail_slot_of(trail, file->id) = file;
	list_push_first(&trail->files, &file->node);
}

void trail_unwatch(struct trail *trail, struct trail_file *file)
{
	if (file->watch >= 0)
		inotify_rm_watch(trail->inotify_fd, file->watch);
	file->watch = -1;
}

void trail_forget(struct trail *trail, struct trail_file *file)
{
	trail_unwatch(trail, file);
	rereads_leave(&trail->rereads, &file->reread); /* opened and closed again during its last look */
	*trail_slot_of(trail, file->id) = file->next;
	list_remove(&trail->files, &file->node);
}

void trail_wake_by(struct trail *trail, int64_t due_ns)
{
	if (due_ns >= trail->due_ns)
		return;
	trail->due_ns = due_ns;
	if (trail->asleep)
		eventfd_write(trail->wake_fd, 1);
}

void trail_free_all(struct list *files)
{
	struct trail_file *file;

	while ((file = list_entry(files->first, struct trail_file, node))) {
		list_remove(files, &file->node);
		trail_file_free(file);
	}
}
