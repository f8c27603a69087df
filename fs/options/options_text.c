/* The options as text. */
#include "fs/options/option_value.h"
#include "fs/options/options.h"

bool options_has_generic(const struct options *options, const char *name)
{
	g_auto(GStrv) words = g_strsplit(options->kernel_options->str, ",", -1);

	return g_strv_contains((const char *const *)words, name);
}

char *options_to_string(const struct options *options)
{
	const struct option_table *table = options_table();
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < table->row_count; i++) {
		g_autoptr(GString) value = g_string_new(NULL);

		option_format(&table->rows[i], options, value);
		if (value->len == 0)
			continue;
		g_string_append_printf(out, "%s%s=", out->len > 0 ? "," : "", table->rows[i].name);
		value_append_escaped(out, value->str);
	}
	return g_string_free(out, FALSE);
}

char *options_help(void)
{
	GString *out = g_string_new(
		"usage: sievefs [-o OPT[=VALUE],...] SOURCE MOUNTPOINT\n"
		"\n"
		"Mounts the directory SOURCE at MOUNTPOINT: small hot files stay in memory, large\n"
		"files leave the page cache, all others are read and written as without it.\n"
		"\n"
		"  -f                                 stay in the foreground\n"
		"  -d                                 debug: foreground, log=debug, every request\n"
		"  -h, --help                         this text\n"
		"  -V, --version                      the version\n"
		"\n"
		"options for -o (sizes end in K, M, G or T, times in ms, s, m or h):\n");

	option_table_help(options_table(), out);
	g_string_append(out,
		"\nGeneric mount options (ro, nosuid, noatime, noauto, _netdev, x-systemd.* ...) are\n"
		"accepted. Each option and value is explained in sievefs(8).\n");
	return g_string_free(out, FALSE);
}
