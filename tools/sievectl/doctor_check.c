/* The table of checks, and the checks of the machine. */
#include "tools/sievectl/doctor_check.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cache/base/page_cache.h"
#include "fs/options/memory.h"
#include "fs/options/transport.h"

#define URING_SWITCH_ON "echo Y > " TRANSPORT_URING_SWITCH
#define FUSE_CONF "/etc/fuse.conf"
#define MAP_COUNT "/proc/sys/vm/max_map_count"
#define MIB (1024.0 * 1024.0)
/* cache/store/keepers.c: a keeper that is refused a mapping is considered full if it has more than half of
 * 60,000. With fewer, the machine is taken to be short of memory, and no other keeper is started. The rest is
 * for libraries. */
#define MAPPINGS_NEEDED 31000
/* fs/server.c: half of the descriptors, but no more than 4,096, are used to reach files. */
#define DESCRIPTORS_NEEDED 8192
#define DESCRIPTORS_WANTED (1 << 20) /* fs/rlimits.c */
#define MEMORY_FLOOR_PART 20         /* memory_floor=5%, the default */

struct doctor_finding doctor_found(enum doctor_state state, const char *format, ...)
{
	struct doctor_finding finding = {.state = state};
	va_list args;

	va_start(args, format);
	finding.found = g_strdup_vprintf(format, args);
	va_end(args);
	return finding;
}

static struct doctor_finding found_or_missing(bool ok, const char *found)
{
	return doctor_found(ok ? DOCTOR_OK : DOCTOR_MISSING, "%s", found);
}

/* --- the kernel and its privileges ------------------------------------------------------------ */

static bool kernel_is(int major, int minor)
{
	struct utsname kernel;
	int has_major = 0, has_minor = 0;

	if (uname(&kernel) < 0 || sscanf(kernel.release, "%d.%d", &has_major, &has_minor) != 2)
		return false;
	return has_major > major || (has_major == major && has_minor >= minor);
}

/* In the initial user namespace, since only its capabilities give these privileges. */
static bool has_capability(cap_value_t capability)
{
	g_autofree char *space = g_file_read_link("/proc/self/ns/user", NULL);
	cap_flag_value_t value = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	if (caps)
		cap_get_flag(caps, capability, CAP_EFFECTIVE, &value);
	cap_free(caps);
	return value == CAP_SET && (!space || strcmp(space, "user:[4026531837]") == 0);
}

static struct doctor_finding look_at_kernel(const struct doctor_source *source)
{
	struct utsname kernel;

	if (uname(&kernel) < 0)
		return doctor_found(DOCTOR_UNKNOWN, "%s", g_strerror(errno));
	return doctor_found(
		kernel_is(6, 9) ? DOCTOR_OK : DOCTOR_MISSING, "%s %s", kernel.sysname, kernel.release);
}

static struct doctor_finding look_at_passthrough(const struct doctor_source *source)
{
	struct doctor_finding finding;

	if (has_capability(CAP_SYS_ADMIN))
		return found_or_missing(kernel_is(6, 9), kernel_is(6, 9)
								 ? "Linux 6.9 or newer, and CAP_SYS_ADMIN"
								 : "Linux is older than 6.9");
	finding = doctor_found(DOCTOR_MISSING, "no CAP_SYS_ADMIN");
	finding.mend = "# run sievefs as root";
	return finding;
}

static struct doctor_finding look_at_uring(const struct doctor_source *source)
{
	g_autofree char *text = NULL;
	struct doctor_finding finding;
	bool on;

	if (!LIBFUSE_URING_IS_SAFE) {
		finding = doctor_found(
			DOCTOR_MISSING, "this sievefs was built with a libfuse that loses replies");
		finding.mend = "tools/setup build # and build again";
		return finding;
	}
	if (g_file_get_contents(TRANSPORT_URING_SWITCH, &text, NULL, NULL)) {
		on = text[0] == 'Y' || text[0] == '1';
		return found_or_missing(on, on ? "enable_uring is Y" : "enable_uring is N");
	}
	if (access("/sys/module/fuse", F_OK) < 0) {
		finding = doctor_found(DOCTOR_UNKNOWN, "the module fuse is not loaded");
		finding.mend = "modprobe fuse";
		return finding;
	}
	finding = doctor_found(DOCTOR_MISSING, "the kernel has no %s", TRANSPORT_URING_SWITCH);
	finding.mend = "# run Linux 6.14 or newer, with CONFIG_FUSE_IO_URING";
	return finding;
}

static struct doctor_finding look_at_cachestat(const struct doctor_source *source)
{
	bool ok = page_cache_can_be_counted();

	return found_or_missing(ok, ok ? "the kernel has cachestat(2)" : "the kernel has no cachestat(2)");
}

/* --- memory and limits ------------------------------------------------------------------------ */

static struct doctor_finding look_at_mappings(const struct doctor_source *source)
{
	g_autofree char *text = NULL;
	uint64_t count;

	if (!g_file_get_contents(MAP_COUNT, &text, NULL, NULL))
		return doctor_found(DOCTOR_UNKNOWN, "%s can't be read", MAP_COUNT);
	count = g_ascii_strtoull(text, NULL, 10);
	return doctor_found(
		count >= MAPPINGS_NEEDED ? DOCTOR_OK : DOCTOR_MISSING, "vm.max_map_count is %" PRIu64, count);
}

/* Without the capability the daemon does not pin, whatever the limit is. With it the kernel has no limit. */
static struct doctor_finding look_at_memlock(const struct doctor_source *source)
{
	bool ok = has_capability(CAP_IPC_LOCK);
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return doctor_found(DOCTOR_UNKNOWN, "%s", g_strerror(errno));
	if (limit.rlim_cur == RLIM_INFINITY)
		return found_or_missing(ok, ok ? "CAP_IPC_LOCK" : "no CAP_IPC_LOCK");
	return doctor_found(ok ? DOCTOR_OK : DOCTOR_MISSING,
		"%s CAP_IPC_LOCK, RLIMIT_MEMLOCK of %" PRIu64 " KiB%s", ok ? "with" : "no",
		(uint64_t)limit.rlim_cur / 1024, ok ? " does not matter" : "");
}

static struct doctor_finding look_at_descriptors(const struct doctor_source *source)
{
	struct rlimit limit;
	uint64_t most;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return doctor_found(DOCTOR_UNKNOWN, "%s", g_strerror(errno));
	most = has_capability(CAP_SYS_RESOURCE) ? DESCRIPTORS_WANTED
						: MIN(limit.rlim_max, DESCRIPTORS_WANTED);
	return doctor_found(most >= DESCRIPTORS_NEEDED ? DOCTOR_OK : DOCTOR_MISSING,
		"RLIMIT_NOFILE can be raised to %" PRIu64, most);
}

static struct doctor_finding look_at_memory(const struct doctor_source *source)
{
	uint64_t total = memory_total(""), available = memory_available("");
	struct sysinfo machine;
	bool limited;

	if (total == 0 || available == UINT64_MAX || sysinfo(&machine) < 0)
		return doctor_found(DOCTOR_UNKNOWN, "/proc/meminfo can't be read");
	limited = total < (uint64_t)machine.totalram * machine.mem_unit / 100 * 99;
	return doctor_found(available >= total / MEMORY_FLOOR_PART ? DOCTOR_OK : DOCTOR_MISSING,
		"%.0f of %.0f MiB available, %s", (double)available / MIB, (double)total / MIB,
		limited ? "the limit of a memory cgroup" : "without a memory cgroup's limit");
}

/* --- mounting --------------------------------------------------------------------------------- */

static struct doctor_finding look_at_device(const struct doctor_source *source)
{
	struct doctor_finding finding;
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return doctor_found(DOCTOR_OK, "/dev/fuse can be opened");
	}
	finding = doctor_found(DOCTOR_MISSING, "/dev/fuse: %s", g_strerror(errno));
	if (errno == EACCES)
		finding.mend = "chmod 666 /dev/fuse";
	else if (errno == EPERM)
		finding.mend = "# allow the container the device, as podman run --device /dev/fuse does";
	return finding;
}

static struct doctor_finding look_at_fusermount(const struct doctor_source *source)
{
	g_autofree char *path = g_find_program_in_path("fusermount3");

	if (path)
		return doctor_found(DOCTOR_OK, "%s", path);
	if (has_capability(CAP_SYS_ADMIN))
		return doctor_found(DOCTOR_OK, "not installed; root does not need it");
	return doctor_found(DOCTOR_MISSING, "fusermount3 is not in PATH");
}

/* As fusermount3 reads it: the word alone on its line. */
static struct doctor_finding look_at_allow_other(const struct doctor_source *source)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	bool there = false;

	g_file_get_contents(FUSE_CONF, &text, NULL, NULL);
	lines = g_strsplit(text ? text : "", "\n", -1);
	for (char **line = lines; *line; line++)
		there |= strcmp(g_strstrip(*line), "user_allow_other") == 0;
	if (there)
		return doctor_found(DOCTOR_OK, "user_allow_other is in %s", FUSE_CONF);
	if (has_capability(CAP_SYS_ADMIN))
		return doctor_found(DOCTOR_OK,
			"user_allow_other is not in %s; root's mounts are for all users", FUSE_CONF);
	return doctor_found(DOCTOR_MISSING, "user_allow_other is not in %s", FUSE_CONF);
}

const struct doctor_check doctor_checks[] = {
	{"kernel", look_at_kernel, "before Linux 6.9 the daemon serves every file, several times slower",
		"# run Linux 6.9 or newer"},
	{"passthrough", look_at_passthrough, "the daemon serves every file, several times slower",
		"# run Linux 6.9 or newer"},
	{"uring", look_at_uring, "requests use /dev/fuse, which makes each of them more expensive",
		URING_SWITCH_ON},
	{"cachestat", look_at_cachestat,
		"large files are read and written with O_DIRECT, not trailed; the options dirty_* are "
		"refused",
		"# run Linux 6.5 or newer"},
	{"backing", doctor_look_at_backing, "files are copied instead of pinned, and requests use /dev/fuse",
		"# keep SOURCE on ext4, xfs, btrfs or f2fs"},
	{"handles", doctor_look_at_handles,
		"files are reached by name, with a bounded set of descriptors, which is slower",
		"# keep SOURCE on ext4, xfs, btrfs or f2fs"},
	{"direct", doctor_look_at_direct, "the lane direct reads and writes through the page cache",
		"# keep SOURCE on a file system that has O_DIRECT"},
	{"mappings", look_at_mappings, "only as many files are pinned as one process may map",
		"sysctl -w vm.max_map_count=65530"},
	{"memlock", look_at_memlock, "files are copied instead of pinned", "# run sievefs as root"},
	{"descriptors", look_at_descriptors,
		"fewer files can be open at once, or be reached without a new lookup",
		"ulimit -Hn 1048576 # as root, before sievefs starts; LimitNOFILE= in a unit"},
	{"memory", look_at_memory, "below memory_floor (5%) the cache shrinks and takes no files in",
		"# free memory, or raise memory.max of the cgroup; MemoryMax= in a unit"},
	{"device", look_at_device, "nothing can be mounted", "modprobe fuse"},
	{"fusermount", look_at_fusermount, "ordinary users can't mount", "apt-get install fuse3"},
	{"allow_other", look_at_allow_other,
		"an ordinary user's mount can't be opened to other users (-o allow_other)",
		"echo user_allow_other >> " FUSE_CONF},
};
const size_t doctor_check_count = G_N_ELEMENTS(doctor_checks);
