/*
 * copy - the copy of a file in the cache, as seen from its inode: whether it is fresh, whether it is in use,
 * and how it follows changes of the file.
 *
 * Call functions marked (locked) with the inode's lock held. A copy may be used if its stamp equals the
 * file's. If the file was open for writing since, a lease on the file must also prove that no writable
 * mapping is left.
 */
#pragma once

#include "fs/server.h"

enum copy_state {
	COPY_NONE,   /* there is no copy, or the inode may not be bound to it now */
	COPY_USABLE, /* fresh */
	COPY_MAPPED, /* perhaps stale, but mapped by a program, which must see later writes */
};

/* The id of this version of the file for the policy. */
uint64_t copy_id(const struct inode *inode, const struct statx *stx);
/* The same from a stamp, see cached_stamp_of(). */
uint64_t copy_id_of_stamp(const struct inode *inode, uint64_t stamp);

/* (locked) For an inode that is not bound. With any result but COPY_NONE the caller owns a hold on the copy.
 * A stale copy that is not in use is dropped. */
enum copy_state copy_examine(
	struct server *server, struct inode *inode, const struct statx *stx, bool may_use);
/* (locked) Whether copy_examine() would return COPY_USABLE with may_use. */
bool copy_would_be_used(struct server *server, struct inode *inode, const struct statx *stx);
/* Whether the file's last change is old enough (-o settle) that a further change would alter the stamp. */
bool copy_is_quiet(const struct server *server, const struct statx *stx);
/* (locked) */
bool copy_is_fresh(struct server *server, struct inode *inode, const struct statx *stx);
/*
 * -o revalidate: how long the copy counts as fresh after SOURCE confirmed it. Only opens for reading skip the
 * check of SOURCE.
 */
/* Whether such a confirmation may exist. Takes no lock: call it before taking the inode's lock only for
 * this. */
bool copy_may_answer(const struct server *server, const struct inode *inode);
/* (locked) Whether the inode is or may be bound to its copy, and the copy was found fresh within
 * revalidate. */
bool copy_is_within_revalidate(struct server *server, struct inode *inode);
/* (locked) Records that SOURCE was asked at asked_us (monotonic clock) and the copy is fresh. */
void copy_note_answer(struct server *server, struct inode *inode, const struct rule_decision *rule,
	const struct statx *stx, int64_t asked_us);
/* (locked) Fills in the attributes from the last confirmation, if the copy is within revalidate; else returns
 * false. Never asks SOURCE, whether or not a descriptor of the file is open. */
bool copy_attributes_known(struct server *server, struct inode *inode, struct statx *stx);
/* Call after this mount has changed the file's attributes or names. */
void copy_attributes_changed(struct server *server, struct inode *inode);
/* Whether requests for this file can now be answered without SOURCE. Never waits. */
bool copy_answers_at_once(struct server *server, uint64_t nodeid);
/* Attributes were just read from the file. If the copy is of another version, the next open asks SOURCE. */
void copy_note_attributes(struct server *server, struct inode *inode, const struct statx *stx);
/* The option revalidate or the rules changed: the next open of each copy asks SOURCE. */
void copy_forget_answers(struct server *server);

/* (locked) For the lane served: a hold on the copy if it is fresh, else NULL. */
struct object *copy_hold_fresh(struct server *server, struct inode *inode, const struct statx *stx);
/* Whether a mapping, whose stores the daemon does not see, may still write the file. */
bool copy_may_be_mapped(struct server *server, struct inode *inode);
/* (locked) Reads the file into its copy again, in place. 0 or -errno. */
int copy_refresh(struct server *server, struct inode *inode);
/* Refreshes object, the copy that a handle uses (NULL: none), if it is older than the file. */
void copy_follow(struct server *server, struct inode *inode, const struct object *object);
/* (locked) Registers the copy as a backing file with the kernel, if it is not registered yet. 0 or -errno. */
int copy_backing_id(struct server *server, struct object *object);

/* (locked) Call before an open that permits shared mappings to store into the copy; the caller holds it. 0 or
 * -ENOMEM. */
int copy_expect_stores(struct server *server, struct object *object);
/*
 * Writes to the backing file what shared mappings stored into the copy; the caller holds it. Returns 0 or
 * -errno. The error may be that of an earlier attempt whose stores are lost: it is returned once to each
 * caller that passes its own counter in told, which starts as object->sync_seq. told may be NULL.
 */
int copy_sync_mapping(struct server *server, struct inode *inode, struct object *object, uint16_t *told);

/*
 * Call before and after a change of the file's bytes or size by the daemon. If the copy must follow,
 * copy_change_begin() returns it held and with the inode locked, so that file and copy change together; else
 * it returns NULL and locks nothing. *fresh: whether the copy matched the file before; pass it to
 * copy_change_end().
 */
struct object *copy_change_begin(struct server *server, struct inode *inode, bool *fresh);
void copy_change_end(struct server *server, struct inode *inode, struct object *object, bool fresh);
/*
 * (locked) Between the two, once the file is changed: whether the copy can follow a change that begins at
 * byte `from`, or moves the end there. A copy that was not the file's may end before that, and the file may
 * have bytes in between that the copy has not: it is read again then. If it can't be read, it stays as it
 * was.
 */
bool copy_can_follow(
	struct server *server, struct inode *inode, struct object *object, bool fresh, uint64_t from);
/* Call before reading the backing file itself: writes to it what mappings stored into the copy. 0 or
 * -errno. */
int copy_before_reading(struct server *server, struct inode *inode);
/* Call before and after the mount changes the file's attributes, so that a fresh copy stays fresh. */
bool copy_attributes_begin(struct server *server, struct inode *inode);
void copy_attributes_end(struct server *server, struct inode *inode, bool fresh);

/* (locked) Whether the copy has grown too large to be cached or no longer follows its file. Such a copy is
 * dropped when its last user is gone. */
bool copy_is_unwanted(const struct server *server, const struct inode *inode, const struct object *object);

/* A rule excludes the file from the cache: drops its copy if that is not in use. */
void copy_exclude(struct server *server, struct inode *inode);

/* The kernel forgot the inode: drops the copy if the file is deleted. */
void copy_forgotten(struct server *server, struct inode *inode);

/* Makes the copy of an inode that is marked as filling. A job of server.fillers; takes over a reference to
 * the inode. */
void copy_fill(gpointer inode, gpointer server);
/* The same in the thread that opens the file. fd: its descriptor, which stays the caller's, or -errno.
 * before: the attributes from before the open. */
void copy_fill_at_open(struct server *server, struct inode *inode, int fd, const struct statx *before);

/* Callbacks of the cache, see struct cache_owner. */
int copy_let_go(void *server, struct object *object);
enum cache_mapping copy_watch(void *server, struct object *object);

/* Drops all copies. At the end of the mount, when none is in use. */
void copy_drop_all(struct server *server);
