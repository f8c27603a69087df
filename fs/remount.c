#include "fs/remount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cache/base/log.h"
#include "fs/control/control.h"
#include "fs/options/options_change.h"

#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

/* The present mount, as it reports itself. */
struct current {
	struct options options;
	unsigned long flags; /* MS_* */
};

static const struct {
	const char *word;
	unsigned long set, clear;
} flag_words[] = {
	{"ro", MS_RDONLY, 0},
	{"rw", 0, MS_RDONLY},
	{"nosuid", MS_NOSUID, 0},
	{"suid", 0, MS_NOSUID},
	{"nodev", MS_NODEV, 0},
	{"dev", 0, MS_NODEV},
	{"noexec", MS_NOEXEC, 0},
	{"exec", 0, MS_NOEXEC},
	{"nosymfollow", MS_NOSYMFOLLOW, 0},
	{"symfollow", 0, MS_NOSYMFOLLOW},
	{"noatime", MS_NOATIME, MS_RELATIME},
	{"atime", 0, MS_NOATIME},
	{"nodiratime", MS_NODIRATIME, 0},
	{"diratime", 0, MS_NODIRATIME},
	{"relatime", MS_RELATIME, MS_NOATIME},
	{"strictatime", MS_STRICTATIME, MS_NOATIME | MS_RELATIME},
	{"defaults", 0, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC},
};

static const struct {
	unsigned long seen, flag;
} statvfs_flags[] = {
	{ST_RDONLY, MS_RDONLY},
	{ST_NOSUID, MS_NOSUID},
	{ST_NODEV, MS_NODEV},
	{ST_NOEXEC, MS_NOEXEC},
	{ST_SYNCHRONOUS, MS_SYNCHRONOUS},
	{ST_NOATIME, MS_NOATIME},
	{ST_NODIRATIME, MS_NODIRATIME},
	{ST_RELATIME, MS_RELATIME},
	{ST_NOSYMFOLLOW, MS_NOSYMFOLLOW},
};

/* statvfs(2) does not report dirsync; the mount table does, after " - ". */
static bool is_dirsync(const char *mountpoint)
{
	g_autofree char *table = NULL, *start = NULL;
	g_auto(GStrv) lines = NULL;
	struct statx stx;

	if (statx(AT_FDCWD, mountpoint, AT_STATX_DONT_SYNC, STATX_MNT_ID, &stx) < 0 ||
		!g_file_get_contents("/proc/self/mountinfo", &table, NULL, NULL))
		return false;
	start = g_strdup_printf("%llu ", (unsigned long long)stx.stx_mnt_id);
	lines = g_strsplit(table, "\n", -1);
	for (char **line = lines; *line; line++) {
		const char *tail = g_str_has_prefix(*line, start) ? strstr(*line, " - ") : NULL;

		if (tail && strstr(tail, ",dirsync"))
			return true;
	}
	return false;
}

static int read_flags(const char *mountpoint, unsigned long *flags)
{
	struct statvfs fs;

	if (statvfs(mountpoint, &fs) < 0) {
		log_error("remount: MOUNTPOINT %s: %s", mountpoint, strerror(errno));
		return -errno;
	}
	*flags = 0;
	for (size_t i = 0; i < G_N_ELEMENTS(statvfs_flags); i++)
		if (fs.f_flag & statvfs_flags[i].seen)
			*flags |= statvfs_flags[i].flag;
	if (is_dirsync(mountpoint))
		*flags |= MS_DIRSYNC;
	return 0;
}

static bool is_mount_root(const char *path)
{
	struct statx stx;

	return statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_TYPE, &stx) == 0 &&
	       (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* The value of a line "name   value" of the report. */
static char *find_line(const char *report, const char *name)
{
	g_auto(GStrv) lines = g_strsplit(report, "\n", -1);
	size_t length = strlen(name);

	for (char **line = lines; *line; line++)
		if (strncmp(*line, name, length) == 0 && (*line)[length] == ' ')
			return g_strdup(*line + length + strspn(*line + length, " "));
	return NULL;
}

static int parse_report(const char *report, struct options *options)
{
	g_autofree char *list = find_line(report, "options"), *source = find_line(report, "source");
	char program[] = "sievefs", dash_o[] = "-o", mountpoint[] = "/";
	char *argv[] = {program, dash_o, list, source, mountpoint, NULL};
	char *error = NULL;
	int r = list && source ? options_read(options, 5, argv, 0, &error) : -EINVAL;

	g_free(error);
	return r;
}

static int read_current(const char *mountpoint, struct current *current)
{
	g_autofree char *path = g_build_filename(mountpoint, CONTROL_NAME, NULL), *report = NULL;

	options_init(&current->options);
	if (!is_mount_root(mountpoint) || !g_file_get_contents(path, &report, NULL, NULL) ||
		parse_report(report, &current->options) < 0) {
		log_error("remount: MOUNTPOINT %s: no sievefs is mounted there, or it does not answer",
			mountpoint);
		return -EINVAL;
	}
	return read_flags(mountpoint, &current->flags);
}

/* Refuses changes of options that are fixed when the daemon starts. */
static int refuse_changes(const struct options *asked, const struct options *now)
{
	g_autofree char *source = realpath(asked->source, NULL), *error = NULL;

	if (options_check_change(asked, now, &error) < 0) {
		log_error("remount: %s", error);
		return -EINVAL;
	}
	if (source && strcmp(asked->source, asked->mountpoint) != 0 && strcmp(source, now->source) != 0) {
		log_error("remount: SOURCE %s: the mount has SOURCE %s", source, now->source);
		return -EINVAL;
	}
	return 0;
}

/* Makes the daemon apply the options of @list, all or none, as sievectl set does. */
static int set_options(const char *mountpoint, const char *list)
{
	g_autofree char *path = g_build_filename(mountpoint, CONTROL_NAME, NULL);
	g_autofree char *word = g_shell_quote(list), *request = g_strconcat("set ", word, NULL);
	char reason[512] = "";
	int control, r = 0;

	if (!*list)
		return 0;
	control = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (control < 0 || write(control, request, strlen(request)) < 0) {
		r = -errno;
		if (control < 0 || read(control, reason, sizeof(reason) - 1) <= 0)
			g_strlcpy(reason, strerror(-r), sizeof(reason));
		reason[strcspn(reason, "\n")] = '\0';
		log_error("remount: %s", reason);
	}
	if (control >= 0)
		close(control);
	return r;
}

/* The flags come last, since only the kernel can tell whether it accepts them. */
static int change_mount(const struct options *asked, const struct current *current)
{
	const struct options *now = &current->options;
	g_autofree char *before = options_list_changed(asked, now, now);
	g_autofree char *after = options_list_changed(asked, now, asked);
	int r = set_options(asked->mountpoint, after);

	if (r == 0 && mount(NULL, asked->mountpoint, NULL, MS_REMOUNT | current->flags, NULL) < 0) {
		r = -errno;
		log_error("remount: MOUNTPOINT %s: %s", asked->mountpoint, strerror(-r));
		set_options(asked->mountpoint, before);
	}
	return r;
}

static int refuse_word(const char *word)
{
	log_error("remount: %s: cannot be changed by a remount; unmount and mount again", word);
	return -EINVAL;
}

/* Applies the words to the flags. Refuses changes of those on which the daemon also acts. */
static int apply_words(const struct options *asked, unsigned long *flags)
{
	g_auto(GStrv) words = g_strsplit(asked->generic->str, ",", -1);
	bool is_sync = *flags & MS_SYNCHRONOUS, dirs_are = *flags & MS_DIRSYNC;

	for (char **word = words; *word; word++) {
		if ((strcmp(*word, "sync") == 0 && !is_sync) || (strcmp(*word, "async") == 0 && is_sync) ||
			(strcmp(*word, "dirsync") == 0 && !dirs_are))
			return refuse_word(*word);
		for (size_t i = 0; i < G_N_ELEMENTS(flag_words); i++) {
			if (strcmp(flag_words[i].word, *word) == 0)
				*flags = (*flags & ~flag_words[i].clear) | flag_words[i].set;
		}
	}
	return 0;
}

int remount(const struct options *asked)
{
	struct current current = {0};
	int r = read_current(asked->mountpoint, &current);

	if (r == 0)
		r = refuse_changes(asked, &current.options);
	if (r == 0)
		r = apply_words(asked, &current.flags);
	if (r == 0)
		r = change_mount(asked, &current);
	options_deinit(&current.options);
	return r < 0;
}
