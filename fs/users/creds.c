#include "fs/users/creds.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct __user_cap_data_struct cap_words[2];

static cap_words caps_base; /* what every thread has */
static cap_words caps_full; /* base and CAP_FSETID */
static bool privileged;
static __thread bool own_fs;      /* this thread's umask is its own */
static __thread mode_t own_umask; /* its value; only callers of creds_enter() depend on it */
static __thread bool as_owner;    /* between creds_owner_begin() and its end */

static int caps_set(const cap_words words)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	cap_words now;

	__builtin_memcpy(now, words, sizeof(now));
	if (as_owner)
		now[0].effective &= ~(CAP_TO_MASK(CAP_FOWNER) | CAP_TO_MASK(CAP_CHOWN));
	return syscall(SYS_capset, &header, now) < 0 ? -errno : 0;
}

static bool caps_have(const cap_words words, int cap)
{
	return words[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap);
}

int creds_init(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	umask(0);
	if (syscall(SYS_capget, &header, caps_full) < 0)
		return -errno;
	privileged = geteuid() == 0 && getegid() == 0 && caps_have(caps_full, CAP_CHOWN) &&
		     caps_have(caps_full, CAP_SETUID) && caps_have(caps_full, CAP_SETGID) &&
		     caps_have(caps_full, CAP_DAC_OVERRIDE) && caps_have(caps_full, CAP_FSETID);
	caps_full[CAP_TO_INDEX(CAP_SYS_RESOURCE)].effective &= ~CAP_TO_MASK(CAP_SYS_RESOURCE);
	__builtin_memcpy(caps_base, caps_full, sizeof(caps_base));
	caps_base[CAP_TO_INDEX(CAP_FSETID)].effective &= ~CAP_TO_MASK(CAP_FSETID);
	if (privileged && setgroups(0, NULL) < 0)
		return -errno;
	return caps_set(caps_base);
}

bool creds_privileged(void)
{
	return privileged;
}

/* Whether the thread must raise capabilities: leaving fsuid 0 drops those over files, and set-gid needs
 * CAP_FSETID. The kernel has checked the caller's rights already. */
static bool takes_capabilities(uid_t uid, mode_t mode)
{
	return uid != 0 || mode & S_ISGID;
}

int creds_enter(uid_t uid, gid_t gid, mode_t umask_bits, mode_t mode)
{
	if (!own_fs) {
		/* umask(2) acts on a structure that the process's threads share until one leaves it */
		if (unshare(CLONE_FS) < 0)
			return -errno;
		own_fs = true;
		own_umask = umask_bits;
		umask(umask_bits); /* the thread has inherited the umask of its creator */
	}
	if (umask_bits != own_umask) {
		umask(umask_bits);
		own_umask = umask_bits;
	}
	if (!privileged)
		return 0;
	if (gid != 0)
		setfsgid(gid);
	if (uid != 0)
		setfsuid(uid);
	return takes_capabilities(uid, mode) ? caps_set(caps_full) : 0;
}

void creds_leave(uid_t uid, gid_t gid, mode_t mode)
{
	if (!privileged)
		return;
	if (uid != 0)
		setfsuid(0);
	if (gid != 0)
		setfsgid(0);
	if (takes_capabilities(uid, mode))
		caps_set(caps_base);
}

void creds_bits_begin(const struct creds_bits *bits)
{
	if (privileged && (bits->keep || (bits->member && as_owner)))
		caps_set(caps_full);
	else if (privileged && bits->member)
		setfsgid(bits->group);
	else if (privileged && bits->stranger && !as_owner)
		setfsgid(CREDS_NOBODY);
}

void creds_bits_end(const struct creds_bits *bits)
{
	if (privileged && (bits->keep || (bits->member && as_owner)))
		caps_set(caps_base);
	else if (privileged && (bits->member || bits->stranger) && !as_owner)
		setfsgid(0);
}

void creds_nobody_begin(void)
{
	if (privileged)
		setfsuid(CREDS_NOBODY);
}

void creds_user_begin(uid_t uid)
{
	if (!privileged)
		return;
	setfsuid(uid);
	caps_set(caps_base);
}

void creds_user_end(void)
{
	if (!privileged)
		return;
	setfsuid(0);
	caps_set(caps_base);
}

int creds_caller_begin(uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
	/* for this thread only, unlike setgroups(3) */
	if (!privileged || syscall(SYS_setgroups, count, groups) < 0)
		return -EPERM;
	setfsgid(gid);
	setfsuid(uid); /* also drops the capabilities over files */
	return 0;
}

void creds_caller_end(void)
{
	setfsuid(0);
	setfsgid(0);
	syscall(SYS_setgroups, (size_t)0, NULL);
	caps_set(caps_base);
}

void creds_owner_begin(uid_t uid, gid_t gid)
{
	if (!privileged)
		return;
	as_owner = true;
	setfsgid(gid);
	setfsuid(uid);
	caps_set(caps_base); /* all but an owner's capabilities: the daemon's descriptors stay usable */
}

void creds_owner_end(void)
{
	if (!privileged)
		return;
	as_owner = false;
	setfsuid(0);
	setfsgid(0);
	caps_set(caps_base);
}
