#include "tools/sievectl/hottest.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TO_STRING(number) TO_STRING_(number)
#define TO_STRING_(number) #number

static void copy_end(char to[HOTTEST_PATH], const char *path)
{
	size_t length = strlen(path);

	g_strlcpy(to, length < HOTTEST_PATH ? path : path + length - HOTTEST_PATH + 1, HOTTEST_PATH);
}

static void insert(struct hottest *hottest, uint64_t opens, uint64_t bytes, const char *path)
{
	unsigned at = hottest->count;

	if (at == HOTTEST_MAX && hottest->files[at - 1].opens >= opens)
		return;
	if (at == HOTTEST_MAX)
		at--;
	else
		hottest->count++;
	for (; at > 0 && hottest->files[at - 1].opens < opens; at--)
		hottest->files[at] = hottest->files[at - 1];
	hottest->files[at].opens = opens;
	hottest->files[at].bytes = bytes;
	copy_end(hottest->files[at].path, path);
}

static int add_line(struct hottest *hottest, const char *line)
{
	g_autofree char *path = NULL;
	char *end;
	uint64_t opens = g_ascii_strtoull(line, &end, 10);
	uint64_t bytes = *end == ' ' ? g_ascii_strtoull(end, &end, 10) : 0;

	if (end[0] != ' ' || end[1] != '/')
		return -EPROTO;
	path = g_strcompress(end + 1);
	insert(hottest, opens, bytes, path);
	return 0;
}

int hottest_add(struct hottest *hottest, const char *reply, int *next)
{
	g_auto(GStrv) lines = g_strsplit(reply, "\n", -1);
	int r = 0;

	if (!lines[0])
		return -EPROTO;
	if (strcmp(lines[0], "end") == 0)
		*next = HOTTEST_END;
	else if (g_ascii_isdigit(lines[0][0]))
		*next = atoi(lines[0]);
	else
		return -EPROTO;
	for (char **line = lines + 1; r == 0 && *line; line++)
		r = **line ? add_line(hottest, *line) : 0;
	return r;
}

int hottest_read(struct sievefs_mount *mount, struct hottest *hottest)
{
	int part = 0, next = 0, r = 0;

	hottest->count = 0;
	while (r == 0 && next != HOTTEST_END) {
		g_autofree char *word = g_strdup_printf("%d", part);
		const char *const request[] = {"hottest", word, TO_STRING(HOTTEST_MAX), NULL};
		char *reply = NULL;

		r = sievefs_mount_request(mount, request, &reply, NULL);
		if (r == 0)
			r = hottest_add(hottest, reply, &next);
		free(reply);
		if (r == 0 && next != HOTTEST_END && next <= part)
			r = -EPROTO; /* the loop might not end */
		part = next;
	}
	return r;
}
