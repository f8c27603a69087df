#include "tests/fs/options/read.h"

#define GIB (1ull << 30)

int read_list(struct options *options, const char *list, char **error)
{
	char program[] = "sievefs", flag[] = "-o", source[] = "/src", mountpoint[] = "/mnt";
	g_autofree char *text = g_strdup(list);
	char *with[] = {program, flag, text, source, mountpoint, NULL};
	char *without[] = {program, source, mountpoint, NULL};

	*error = NULL;
	options_init(options);
	return list ? options_read(options, 5, with, GIB, error)
		    : options_read(options, 3, without, GIB, error);
}

int read_line(struct options *options, const char *line, char **error)
{
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	/* getopt reorders the array, so that the strings are freed through a copy of it. */
	g_autofree char **view = g_memdup2(argv, sizeof(*argv) * (g_strv_length(argv) + 1));

	*error = NULL;
	options_init(options);
	return options_read(options, g_strv_length(argv), view, GIB, error);
}
