/* The checks of SOURCE and its file system. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/fstype.h"
#include "tools/sievectl/doctor_check.h"

static struct doctor_finding no_source(void)
{
	struct doctor_finding finding = doctor_found(DOCTOR_UNKNOWN, "no SOURCE was given");

	finding.mend = "sievectl doctor SOURCE";
	return finding;
}

/* NULL: not known. */
static const struct fstype *type_of(const struct doctor_source *source)
{
	struct statfs fs;

	return fstatfs(source->fd, &fs) == 0 ? fstype_find((uint32_t)fs.f_type) : NULL;
}

struct doctor_finding doctor_look_at_backing(const struct doctor_source *source)
{
	const struct fstype *type;

	if (source->fd < 0)
		return no_source();
	type = type_of(source);
	if (!type)
		return doctor_found(DOCTOR_UNKNOWN, "%s", g_strerror(errno));
	if (type->local)
		return doctor_found(DOCTOR_OK, "file system %s, a local one", type->name);
	/* the kernel allows two stacked layers, and a mount with passthrough is one */
	return doctor_found(DOCTOR_MISSING, "file system %s, not known to be local%s", type->name,
		type->may_be_stacked ? "; files may be served, since it may be stacked" : "");
}

/* Makes the same calls as the daemon (fs/tree/mounts.c). */
struct doctor_finding doctor_look_at_handles(const struct doctor_source *source)
{
	struct {
		struct file_handle head;
		unsigned char data[MAX_HANDLE_SZ];
	} handle = {.head.handle_bytes = MAX_HANDLE_SZ};
	struct doctor_finding finding;
	const struct fstype *type;
	int id, probe;

	if (source->fd < 0)
		return no_source();
	type = type_of(source);
	if (type && type->forgets_handles)
		return doctor_found(
			DOCTOR_MISSING, "handles of file system %s do not stay valid", type->name);
	if (name_to_handle_at(source->fd, "", &handle.head, &id, AT_EMPTY_PATH) < 0)
		return doctor_found(DOCTOR_MISSING, "name_to_handle_at: %s", g_strerror(errno));
	probe = open_by_handle_at(source->fd, &handle.head, O_PATH | O_CLOEXEC);
	if (probe >= 0) {
		close(probe);
		return doctor_found(DOCTOR_OK, "files can be opened by handle");
	}
	finding = doctor_found(DOCTOR_MISSING, "open_by_handle_at: %s%s", g_strerror(errno),
		errno == EPERM ? ", it needs CAP_DAC_READ_SEARCH" : "");
	if (errno == EPERM)
		finding.mend = "# run sievefs as root";
	return finding;
}

static bool file_has_direct(int fd)
{
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 && stx.stx_mask & STATX_DIOALIGN)
		return stx.stx_dio_offset_align != 0;
#endif
	return true;
}

/* On a file without a name, so that none of the user's files is touched. */
struct doctor_finding doctor_look_at_direct(const struct doctor_source *source)
{
	const struct fstype *type;
	bool direct;
	int fd;

	if (source->fd < 0)
		return no_source();
	type = type_of(source);
	if (type && type->in_memory)
		return doctor_found(DOCTOR_OK, "not needed: file system %s is in memory", type->name);
	fd = openat(source->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return doctor_found(DOCTOR_UNKNOWN, "can't make a file to try it: %s", g_strerror(errno));
	direct = file_has_direct(fd) && fcntl(fd, F_SETFL, O_DIRECT) == 0;
	close(fd);
	return doctor_found(
		direct ? DOCTOR_OK : DOCTOR_MISSING, "O_DIRECT is %s", direct ? "supported" : "refused");
}
