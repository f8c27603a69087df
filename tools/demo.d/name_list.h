/*
 * name_list - file names read from a file in which each ends with a NUL (find -print0).
 */
#pragma once

#include <stddef.h>

struct name_list {
	char *text; /* owned; the names point into it */
	char **names;
	size_t count;
};

/* 0 or -errno. On success the caller calls name_list_deinit(). */
int name_list_read(struct name_list *list, const char *path);
void name_list_deinit(struct name_list *list);
