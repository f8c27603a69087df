#include "fs/live_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cache/base/lock_order.h"
#include "fs/tree/tree.h"

#define TEXT_MAX (1 << 20)

void live_rules_init(struct live_rules *live)
{
	pthread_rwlock_init(&live->lock, NULL);
	live->rules = NULL;
	live->epoch = 0;
}

void live_rules_deinit(struct live_rules *live)
{
	rules_free(live->rules);
	live->rules = NULL;
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

static int read_text(int fd, char **text, size_t *size, const char **wrong)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode)) {
		*wrong = "takes a regular file";
		return -EINVAL;
	}
	if (st.st_size > TEXT_MAX) {
		*wrong = "is larger than 1M";
		return -EFBIG;
	}
	*text = g_malloc((size_t)st.st_size + 1); /* not NULL for an empty file */
	for (*size = 0; *size < (size_t)st.st_size;) {
		ssize_t n = read(fd, *text + *size, (size_t)st.st_size - *size);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		*size += (size_t)n;
	}
	return 0;
}

/* The path may lead to a FIFO or device by now: the open must not wait. */
static int read_file(const char *path, char **text, size_t *size, char **error)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r;
	const char *wrong = NULL;

	r = fd < 0 ? -errno : read_text(fd, text, size, &wrong);
	if (r < 0)
		*error = g_strdup_printf("rules=%s: %s", path, wrong ? wrong : g_strerror(-r));
	if (fd >= 0)
		close(fd);
	return r;
}

int live_rules_load(struct live_rules *live, const char *path, char **error)
{
	g_autofree char *text = NULL;
	struct rules *fresh, *old;
	char *wrong = NULL;
	size_t size = 0;
	int r = read_file(path, &text, &size, error);

	if (r < 0)
		return r;
	r = rules_parse(text, size, find_user, &fresh, &wrong);
	if (r < 0) {
		*error = g_strdup_printf("rules=%s: %s", path, wrong ? wrong : g_strerror(-r));
		free(wrong);
		return r;
	}
	lock_take_to_write(&live->lock, LOCK_LIVE_RULES);
	old = live->rules;
	live->rules = fresh;
	live->epoch = live->epoch % 7 + 1;
	lock_drop_rw(&live->lock, LOCK_LIVE_RULES);
	rules_free(old);
	return 0;
}

unsigned live_rules_count(struct live_rules *live)
{
	unsigned count;

	lock_take_to_read(&live->lock, LOCK_LIVE_RULES);
	count = live->rules ? rules_count(live->rules) : 0;
	lock_drop_rw(&live->lock, LOCK_LIVE_RULES);
	return count;
}

static void remember(const struct live_rules *live, struct inode *inode, const struct rule_decision *decision)
{
	inode->rule_epoch = live->epoch & 7;
	inode->rule_lane = decision->has_lane ? (decision->lane + 1) & 7 : 0;
	inode->rule_write = decision->has_write ? (decision->through ? 2 : 1) : 0;
	inode->keep = decision->pin;
	inode->priority = (int8_t)decision->priority;
}

static void recall(const struct live_rules *live, const struct inode *inode, struct rule_decision *decision)
{
	/* not stored in the inode; asking SOURCE is never wrong */
	decision->has_revalidate = true;
	decision->revalidate_s = 0;
	if (inode->rule_epoch != live->epoch)
		return;
	decision->has_lane = inode->rule_lane > 0;
	decision->lane = inode->rule_lane > 0 ? (enum lane)(inode->rule_lane - 1) : LANE_CACHED;
	decision->has_write = inode->rule_write > 0;
	decision->through = inode->rule_write == 2;
	decision->pin = inode->keep;
	decision->priority = (int)inode->priority;
}

/* path: where the caller will store the file's path, or "". */
static struct rule_facts facts_of(const struct statx *stx, bool writes, const char *path)
{
	time_t now = time(NULL);

	return (struct rule_facts){
		.path = path,
		.size = stx->stx_size,
		.age_s = now > stx->stx_mtime.tv_sec ? (uint64_t)(now - stx->stx_mtime.tv_sec) : 0,
		.owner = stx->stx_uid,
		.writes = writes,
	};
}

void live_rules_ask(struct live_rules *live, struct tree *tree, const char *source, struct inode *inode,
	const struct statx *stx, bool writes, struct rule_decision *decision)
{
	char path[PATH_MAX];
	const struct rule_facts facts = facts_of(stx, writes, path);

	*decision = (struct rule_decision){0};
	lock_take_to_read(&live->lock, LOCK_LIVE_RULES);
	if (live->rules) {
		bool known = tree_path(tree, source, inode, path);

		rules_match(live->rules, &facts, decision);
		decision->section = NULL;
		tree_lock_inode(tree, inode);
		if (!known)
			recall(live, inode, decision);
		else if (!writes)
			remember(live, inode, decision);
		tree_unlock_inode(tree, inode);
	}
	lock_drop_rw(&live->lock, LOCK_LIVE_RULES);
}

void live_rules_section(struct live_rules *live, struct tree *tree, const char *source, struct inode *inode,
	const struct statx *stx, char *section, size_t size)
{
	char path[PATH_MAX];
	const struct rule_facts facts = facts_of(stx, false, path);
	struct rule_decision decision = {0};

	lock_take_to_read(&live->lock, LOCK_LIVE_RULES);
	if (live->rules && tree_path(tree, source, inode, path))
		rules_match(live->rules, &facts, &decision);
	g_strlcpy(section, decision.section ? decision.section : "", size);
	lock_drop_rw(&live->lock, LOCK_LIVE_RULES);
}
