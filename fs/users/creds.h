/*
 * creds - the user, groups and capabilities with which a thread of the daemon acts.
 *
 * The kernel has checked the caller's permissions (default_permissions). The daemon ensures that new files
 * belong to the caller, that the caller's umask applies, and that writes clear set-uid and set-gid bits. So
 * the daemon's threads run without CAP_FSETID, and raise it for the few calls that must keep those bits. All
 * state is per thread. Without privileges (an ordinary user's mount) every call is a no-op.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The id of a user and group to which no one belongs: the highest valid number. */
#define CREDS_NOBODY 0xfffffffeu

/* Call once, in the main thread, before other threads start. Records the capabilities. Drops CAP_FSETID,
 * CAP_SYS_RESOURCE (so that quotas apply to users' writes) and the supplementary groups, which would count as
 * the callers'. Returns 0 or -errno. */
int creds_init(void);

/* Whether files can be created on behalf of other users. */
bool creds_privileged(void);

/* Makes what this thread creates belong to uid and gid, with the umask applied. mode: of the new file; for
 * root CAP_FSETID is raised only if mode has set-gid, since raising it takes longer than creating a file. 0
 * or -errno. creds_leave() with the same arguments undoes it, also after a failure. */
int creds_enter(uid_t uid, gid_t gid, mode_t umask_bits, mode_t mode);
void creds_leave(uid_t uid, gid_t gid, mode_t mode);

/* How set-uid and set-gid bits change when this thread changes a file. */
struct creds_bits {
	bool keep;     /* all stay, as for a caller with CAP_FSETID */
	bool member;   /* the caller belongs to group: set-gid without group execute stays */
	bool stranger; /* group is root's, and so the daemon's, but not the caller's: set-gid is cleared */
	gid_t group;
};
void creds_bits_begin(const struct creds_bits *bits);
void creds_bits_end(const struct creds_bits *bits);

/* Makes this thread act as a user, with the daemon's capabilities, so that the space that it takes is limited
 * as the user's. creds_nobody_begin(): as CREDS_NOBODY without capabilities over files, for calls that need
 * none. */
void creds_user_begin(uid_t uid);
void creds_nobody_begin(void);
void creds_user_end(void);

/*
 * Makes this thread act as the caller, with the caller's groups and without the daemon's rights, so that
 * faccessat2(2) with AT_EACCESS gives the caller's result. -EPERM without privileges; else 0, until
 * creds_caller_end().
 */
int creds_caller_begin(uid_t uid, gid_t gid, const gid_t *groups, size_t count);
void creds_caller_end(void);

/*
 * Makes this thread act as a user without rights over other users' files, for changes that only a file's
 * owner may make: the backing file system then checks the ownership at the moment of the change. gid: the
 * file's group if it may differ from the user's own, else the user's own. creds_bits_begin() may be called in
 * between.
 */
void creds_owner_begin(uid_t uid, gid_t gid);
void creds_owner_end(void);
