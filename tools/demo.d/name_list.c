#include "tools/demo.d/name_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int read_text(const char *path, char **text, size_t *bytes)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return -errno;

	int r = 0;
	struct stat st;
	if (fstat(fileno(file), &st) < 0)
		r = -errno;
	else if (!(*text = calloc(1, st.st_size + 1)))
		r = -ENOMEM;
	else
		*bytes = fread(*text, 1, st.st_size, file);
	fclose(file);
	return r;
}

int name_list_read(struct name_list *list, const char *path)
{
	size_t bytes = 0;
	*list = (struct name_list){0};
	int r = read_text(path, &list->text, &bytes);
	if (r < 0)
		return r;

	for (size_t at = 0; at < bytes; at += strlen(list->text + at) + 1)
		list->count++;
	list->names = calloc(list->count + 1, sizeof(*list->names));
	if (!list->names) {
		name_list_deinit(list);
		return -ENOMEM;
	}
	char *name = list->text;
	for (size_t i = 0; i < list->count; i++, name += strlen(name) + 1)
		list->names[i] = name;
	return 0;
}

void name_list_deinit(struct name_list *list)
{
	free(list->names);
	free(list->text);
	*list = (struct name_list){0};
}
