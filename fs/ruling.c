#include "fs/ruling.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/tree.h"

void ruling_init(struct ruling *ruling)
{
	pthread_rwlock_init(&ruling->lock, NULL);
	ruling->rules = NULL;
}

void ruling_deinit(struct ruling *ruling)
{
	rules_free(ruling->rules);
	ruling->rules = NULL;
}

static bool find_user(const char *name, uint32_t *uid)
{
	struct passwd entry, *found = NULL;
	char buf[4096];

	if (getpwnam_r(name, &entry, buf, sizeof(buf), &found) != 0 || !found)
		return false;
	*uid = entry.pw_uid;
	return true;
}

int ruling_load(struct ruling *ruling, const char *path, char **error)
{
	g_autoptr(GError) reading = NULL;
	g_autofree char *text = NULL;
	struct rules *fresh, *old;
	char *wrong = NULL;
	gsize size;
	int r;

	if (!g_file_get_contents(path, &text, &size, &reading)) {
		*error = g_strdup_printf("rules=%s: %s", path, reading->message);
		return -ENOENT;
	}
	r = rules_parse(text, size, find_user, &fresh, &wrong);
	if (r < 0) {
		*error = g_strdup_printf("rules=%s: %s", path, wrong ? wrong : g_strerror(-r));
		free(wrong);
		return r;
	}
	pthread_rwlock_wrlock(&ruling->lock);
	old = ruling->rules;
	ruling->rules = fresh;
	pthread_rwlock_unlock(&ruling->lock);
	rules_free(old);
	return 0;
}

unsigned ruling_count(struct ruling *ruling)
{
	unsigned count;

	pthread_rwlock_rdlock(&ruling->lock);
	count = ruling->rules ? rules_count(ruling->rules) : 0;
	pthread_rwlock_unlock(&ruling->lock);
	return count;
}

/* The file's path below SOURCE, "" when the kernel knows none at the moment. */
static void path_of(struct tree *tree, const char *source, struct inode *inode, char path[PATH_MAX])
{
	char link[TREE_PATH_SIZE];
	size_t prefix = strcmp(source, "/") == 0 ? 0 : strlen(source);
	ssize_t n = -1;
	int fd = tree_fd_get(tree, inode);

	if (fd >= 0) {
		tree_fd_path(fd, link);
		n = readlink(link, path, PATH_MAX - 1);
		tree_fd_put(tree, inode);
	}
	path[n < 0 ? 0 : n] = '\0';
	if (n > (ssize_t)prefix && strncmp(path, source, prefix) == 0 && path[prefix] == '/')
		memmove(path, path + prefix, (size_t)n - prefix + 1);
	else
		path[0] = '\0';
}

void ruling_ask(struct ruling *ruling, struct tree *tree, const char *source, struct inode *inode,
	const struct statx *stx, bool writes, struct rule_decision *decision)
{
	time_t now = time(NULL);
	char path[PATH_MAX];
	const struct rule_facts facts = {
		.path = path,
		.size = stx->stx_size,
		.age_s = now > stx->stx_mtime.tv_sec ? (uint64_t)(now - stx->stx_mtime.tv_sec) : 0,
		.owner = stx->stx_uid,
		.writes = writes,
	};

	*decision = (struct rule_decision){0};
	pthread_rwlock_rdlock(&ruling->lock);
	if (ruling->rules) {
		path_of(tree, source, inode, path);
		rules_match(ruling->rules, &facts, decision);
		decision->section = NULL;
	}
	pthread_rwlock_unlock(&ruling->lock);
}
