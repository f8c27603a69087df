/*
 * copy - the copy of a file in the cache, as seen from its inode: is it fresh, who uses it, how does it
 * follow.
 *
 * Calls marked (locked) want the inode's lock held. A copy may be used when its stamp is the file's; after
 * the file was open for writing it must also be proved, by a lease on the file, that no writable mapping was
 * left behind.
 */
#pragma once

#include "fs/server.h"

enum copy_state {
	COPY_NONE,   /* there is none, or none that the file may be bound to now */
	COPY_USABLE, /* fresh */
	COPY_MAPPED, /* perhaps stale, but somebody maps it, who must see what is written from now on */
};

/* Names this version of the file to the policy. */
uint64_t copy_id(const struct inode *inode, const struct statx *stx);
/* The same of a stamp; see cached_stamp_of(). */
uint64_t copy_id_of_stamp(const struct inode *inode, uint64_t stamp);

/* (locked) For an inode that is not bound. Any answer but COPY_NONE holds the copy for the caller. A
 * stale copy that nobody uses is dropped. */
enum copy_state copy_examine(
	struct server *server, struct inode *inode, const struct statx *stx, bool may_use);
/* (locked) Whether that would answer COPY_USABLE to who may use it. */
bool copy_would_be_used(struct server *server, struct inode *inode, const struct statx *stx);
/* Whether the file's last change is long enough ago to be told from another (-o settle). */
bool copy_is_quiet(const struct server *server, const struct statx *stx);
/* (locked) */
bool copy_is_fresh(struct server *server, struct inode *inode, const struct statx *stx);
/*
 * -o revalidate: for how long an answer of SOURCE's that the copy is fresh need not be asked for again. Only
 * opens for reading are let go by it.
 */
/* Whether there may be such an answer: without a lock, for those who would take it only for that. */
bool copy_may_answer(const struct server *server, const struct inode *inode);
/* (locked) Whether the inode is or may be bound to its copy, and that was found fresh so lately. */
bool copy_is_within_revalidate(struct server *server, struct inode *inode);
/* (locked) SOURCE was asked at asked_us, by the monotonic clock, and the copy is fresh. */
void copy_note_answer(struct server *server, struct inode *inode, const struct rule_decision *rule,
	const struct statx *stx, int64_t asked_us);
/* (locked) The attributes of that answer, where the copy is within revalidate. SOURCE is not asked, whether
 * or not a descriptor of the file is left. */
bool copy_attributes_known(struct server *server, struct inode *inode, struct statx *stx);
/* This mount has changed the file's attributes or its names. */
void copy_attributes_changed(struct server *server, struct inode *inode);
/* Whether requests for this file need nothing of SOURCE now. Never waits. */
bool copy_answers_at_once(struct server *server, uint64_t nodeid);
/* What was just read of the file: a copy of another version is asked about at the next open. */
void copy_note_attributes(struct server *server, struct inode *inode, const struct statx *stx);
/* All copies are: the option or the rules have changed. */
void copy_forget_answers(struct server *server);

/* (locked) The copy, held, where it is fresh; else NULL. For the served lane. */
struct object *copy_hold_fresh(struct server *server, struct inode *inode, const struct statx *stx);
/* Whether a mapping may still be writing the file, unseen by everybody. */
bool copy_may_be_mapped(struct server *server, struct inode *inode);
/* (locked) Copies the file again, in place. 0 or -errno. */
int copy_refresh(struct server *server, struct inode *inode);
/* Refreshes object, the copy that a handle uses (NULL: none), where it is older than the file. */
void copy_follow(struct server *server, struct inode *inode, const struct object *object);
/* (locked) Makes the copy known to the kernel if it is not. 0 or -errno. */
int copy_backing_id(struct server *server, struct object *object);

/* (locked) The copy, held, is about to be opened so that a shared mapping may store into it. 0 or -ENOMEM.
 */
int copy_expect_stores(struct server *server, struct object *object);
/*
 * Writes what was stored through shared mappings of the copy, held, into the backing file. 0 or -errno,
 * also of an earlier attempt whose stores are lost by now: once to each who keeps count of them in *told (or
 * NULL), which begins as object->sync_seq.
 */
int copy_sync_mapping(struct server *server, struct inode *inode, struct object *object, uint16_t *told);

/*
 * Around a change of the file's bytes or size that comes through the daemon. Where the copy must follow, it
 * is returned by begin with the inode locked, so that file and copy change alike; else NULL, and nothing is
 * locked. *fresh tells end whether the copy was the file's before.
 */
struct object *copy_change_begin(struct server *server, struct inode *inode, bool *fresh);
void copy_change_end(struct server *server, struct inode *inode, struct object *object, bool fresh);
/* Before bytes are read from the backing file by other means than the copy: brings the file up to date. 0 or
 * -errno. */
int copy_before_reading(struct server *server, struct inode *inode);
/* Its attributes were changed through the mount: no reason to copy a fresh copy again. Call before and after.
 */
bool copy_attributes_begin(struct server *server, struct inode *inode);
void copy_attributes_end(struct server *server, struct inode *inode, bool fresh);

/* (locked) The copy outgrew its file's right to one, or follows it no more: it leaves with its last user. */
bool copy_is_unwanted(const struct server *server, const struct inode *inode, const struct object *object);

/* A rule says that the file is not to be cached: a copy that nobody uses goes. */
void copy_exclude(struct server *server, struct inode *inode);

/* The kernel forgot the inode: a copy of a deleted file need not stay. */
void copy_forgotten(struct server *server, struct inode *inode);

/* Both make the copy of an inode that is marked as filling. A job of server.fillers, which takes over a
 * reference to the inode: */
void copy_fill(gpointer inode, gpointer server);
/* By the thread that opens the file, and has it open as fd, or -errno. before: as SOURCE said before that. */
void copy_fill_at_open(struct server *server, struct inode *inode, int fd, const struct statx *before);

/* The cache's questions; see struct cache_owner. */
int copy_let_go(void *server, struct object *object);
enum cache_mapping copy_watch(void *server, struct object *object);

/* At the very end, when nobody uses anything any more. */
void copy_drop_all(struct server *server);
