#include "fs/options/generic_options.h"

#include <glib.h>
#include <string.h>

enum value_need { NO_VALUE, MAYBE_VALUE, VALUE };

struct generic_option {
	const char *name;
	enum generic_use use;
	enum value_need value;
	unsigned sets, clears; /* enum generic_flag */
};

/*
 * Options that libfuse 3 passes on, and options that it would refuse though other file systems accept them:
 * these are ignored. Among the ignored ones are the atime flags that permit updates of access times: the
 * mount of the backing file system decides on those.
 */
static const struct generic_option generic_options[] = {
	{"ro", GENERIC_FOR_KERNEL, .sets = GENERIC_RO},
	{"rw", GENERIC_FOR_KERNEL, .clears = GENERIC_RO},
	{"suid", GENERIC_FOR_KERNEL},
	{"nosuid", GENERIC_FOR_KERNEL},
	{"dev", GENERIC_FOR_KERNEL},
	{"nodev", GENERIC_FOR_KERNEL},
	{"exec", GENERIC_FOR_KERNEL},
	{"noexec", GENERIC_FOR_KERNEL},
	{"async", GENERIC_FOR_KERNEL, .clears = GENERIC_SYNC},
	{"sync", GENERIC_FOR_KERNEL, .sets = GENERIC_SYNC},
	{"dirsync", GENERIC_FOR_KERNEL, .sets = GENERIC_DIRSYNC},
	{"noatime", GENERIC_FOR_KERNEL, .sets = GENERIC_NOATIME},
	{"nodiratime", GENERIC_FOR_KERNEL, .sets = GENERIC_NODIRATIME},
	{"norelatime", GENERIC_FOR_KERNEL},
	{"nostrictatime", GENERIC_FOR_KERNEL},
	{"symfollow", GENERIC_FOR_KERNEL},
	{"nosymfollow", GENERIC_FOR_KERNEL},
	{"allow_other", GENERIC_FOR_KERNEL},
	{"allow_root", GENERIC_FOR_KERNEL},
	{"auto_unmount", GENERIC_FOR_KERNEL},
	{"default_permissions", GENERIC_FOR_KERNEL},
	{"fsname", GENERIC_FOR_KERNEL, VALUE},
	{"subtype", GENERIC_FOR_KERNEL, VALUE},
	{"context", GENERIC_FOR_KERNEL, VALUE},
	{"fscontext", GENERIC_FOR_KERNEL, VALUE},
	{"defcontext", GENERIC_FOR_KERNEL, VALUE},
	{"rootcontext", GENERIC_FOR_KERNEL, VALUE},
	{"nonempty", GENERIC_IGNORED},
	{"atime", GENERIC_IGNORED},
	{"diratime", GENERIC_IGNORED},
	{"relatime", GENERIC_IGNORED},
	{"strictatime", GENERIC_IGNORED},
	{"lazytime", GENERIC_IGNORED},
	{"nolazytime", GENERIC_IGNORED},
	{"iversion", GENERIC_IGNORED},
	{"noiversion", GENERIC_IGNORED},
	{"mand", GENERIC_IGNORED},
	{"nomand", GENERIC_IGNORED},
	{"silent", GENERIC_IGNORED},
	{"loud", GENERIC_IGNORED},
	{"defaults", GENERIC_IGNORED},
	{"auto", GENERIC_IGNORED},
	{"noauto", GENERIC_IGNORED},
	{"nofail", GENERIC_IGNORED},
	{"_netdev", GENERIC_IGNORED},
	{"user", GENERIC_IGNORED, MAYBE_VALUE},
	{"nouser", GENERIC_IGNORED},
	{"users", GENERIC_IGNORED},
	{"nousers", GENERIC_IGNORED},
	{"owner", GENERIC_IGNORED},
	{"noowner", GENERIC_IGNORED},
	{"group", GENERIC_IGNORED},
	{"nogroup", GENERIC_IGNORED},
	{"comment", GENERIC_IGNORED, VALUE},
	{"seclabel", GENERIC_IGNORED}, /* a remount brings this and the next from the mount table */
	{"user_id", GENERIC_IGNORED, VALUE},
	{"group_id", GENERIC_IGNORED, VALUE},
	{"uhelper", GENERIC_IGNORED, VALUE},
	{"helper", GENERIC_IGNORED, VALUE},
};

enum generic_use generic_option_use(const char *name, bool has_value)
{
	if (g_str_has_prefix(name, "x-") || g_str_has_prefix(name, "X-"))
		return GENERIC_IGNORED;
	for (size_t i = 0; i < G_N_ELEMENTS(generic_options); i++) {
		const struct generic_option *option = &generic_options[i];

		if (strcmp(option->name, name) != 0)
			continue;
		if (option->value == VALUE && !has_value)
			return GENERIC_NEEDS_VALUE;
		if (option->value == NO_VALUE && has_value)
			return GENERIC_TAKES_NO_VALUE;
		return option->use;
	}
	return GENERIC_UNKNOWN;
}

unsigned generic_option_flags(unsigned flags, const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(generic_options); i++)
		if (strcmp(generic_options[i].name, name) == 0)
			flags = (flags & ~generic_options[i].clears) | generic_options[i].sets;
	return flags;
}

size_t generic_option_count(void)
{
	return G_N_ELEMENTS(generic_options);
}

const char *generic_option_name(size_t i)
{
	return generic_options[i].name;
}
