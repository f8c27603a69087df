/*
 * creds - whose rights a thread of the daemon acts with.
 *
 * The kernel has checked the caller's permissions (default_permissions); what is left to the daemon is that
 * new files belong to the caller, that his umask counts, and that writing clears set-uid and set-gid bits.
 * So the daemon's threads run without CAP_FSETID, and the few calls that must keep those bits raise it.
 * All state is per thread. Without privileges (an ordinary user's mount) every call is a no-op.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A user and a group that nobody is, the last number that can be one. */
#define CREDS_NOBODY 0xfffffffeu

/* Once, in the main thread, before any other thread starts: remembers what is there, drops CAP_FSETID and
 * CAP_SYS_RESOURCE (so that quotas hold for users' writes) and the supplementary groups, which would count as
 * those of users. Returns 0 or -errno. */
int creds_init(void);

/* Whether files can be made in other users' names. */
bool creds_privileged(void);

/* Makes what this thread creates belong to uid and gid with the umask applied. mode: of what is made;
 * CAP_FSETID is raised for root only where it asks for set-gid, since raising it takes longer than making the
 * name does. creds_leave(), given the same, undoes it, also after a failure. */
int creds_enter(uid_t uid, gid_t gid, mode_t umask_bits, mode_t mode);
void creds_leave(uid_t uid, gid_t gid, mode_t mode);

/* What becomes of set-uid and set-gid bits when this thread changes a file. */
struct creds_bits {
	bool keep;     /* all stay, as for a caller with CAP_FSETID */
	bool member;   /* the caller is in group: set-gid without group execute stays */
	bool stranger; /* group is root's, thus the daemon's, and not the caller's: it goes */
	gid_t group;
};
void creds_bits_begin(const struct creds_bits *bits);
void creds_bits_end(const struct creds_bits *bits);

/* Makes this thread a user, with the daemon's capabilities: what it takes of a file system's space is as he
 * may. The second: a user that nobody is, without the capabilities over files, for calls that need none. */
void creds_user_begin(uid_t uid);
void creds_nobody_begin(void);
void creds_user_end(void);

/*
 * Makes this thread the caller, with his groups and without the daemon's rights, so that faccessat2(2) with
 * AT_EACCESS answers as it would to him. -EPERM without privileges; else 0, and the second call ends it.
 */
int creds_caller_begin(uid_t uid, gid_t gid, const gid_t *groups, size_t count);
void creds_caller_end(void);

/*
 * Makes this thread a user without rights over the files of others, for what only a file's owner may do: the
 * backing file system then knows at the moment of the change whether he is. It may be a file of his with
 * another group: gid then is that group, else his own. creds_bits_begin() may be called in between.
 */
void creds_owner_begin(uid_t uid, gid_t gid);
void creds_owner_end(void);
