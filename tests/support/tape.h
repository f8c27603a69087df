/*
 * tape - records the results of a sequence of operations, so that two runs can be compared line by line.
 *
 * A sequence is a function without arguments that works in its current directory and passes each result
 * through NOTE() and its relatives. SAME(sequence) is a cmocka test: it runs the sequence in a directory of
 * the mount and in one beside it on the bare file system, and fails on the first line that differs;
 * afterwards the tree on the mount, below it in SOURCE, and the bare one must be equal in contents and
 * metadata. The results on the bare file system are right by definition.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

/* One line: "what = result" or "what = errno's name". The buffer is shared with child processes. */
void tape_note(const char *what, long long result, int error);
void tape_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Notes the value of a call that fails with -1 and errno. */
#define NOTE(call)                               \
	({                                       \
		long long noted_;                \
		errno = 0;                       \
		noted_ = (long long)(call);      \
		tape_note(#call, noted_, errno); \
		noted_;                          \
	})

/* As NOTE(), for calls that return a descriptor, which is not compared itself. */
#define NOTE_FD(call)                                         \
	({                                                    \
		int noted_;                                   \
		errno = 0;                                    \
		noted_ = (call);                              \
		tape_note(#call, noted_ < 0 ? -1 : 0, errno); \
		noted_;                                       \
	})

/* Notes type, mode, owner, size and link count (not times and inode number) of a path; a link is not
 * followed. */
void note_stat(const char *path);
void note_fstat(int fd);
/* Notes length and hash of a file's contents, read by read(2) with step bytes each. */
void note_data(const char *path, size_t step);
/* Notes the names in a directory, sorted, with types. */
void note_dir(const char *path);
/* Notes names and values of extended attributes, sorted. */
void note_xattrs(const char *path);
/* Notes the result of pread(2), and what it read. */
void note_pread(int fd, size_t length, off_t offset);

/* Writes `length` bytes of a pattern that depends on `salt` and the offset; returns what pwrite said. */
ssize_t put(int fd, size_t length, off_t offset, unsigned salt);
/* Creates (or truncates) a file with such contents, without notes; 0, or -1 and errno. */
int put_file(const char *path, size_t length, unsigned salt);
/* Reads the file a few times with pauses, so that it is cached when this returns, if the cache admits it. On
 * a bare directory it is read once. */
void warm(const char *path);

/*
 * Runs what follows as another user in a child: if (user_begin(uid, gid)) { …; user_end(); }
 * user_begin() returns true in the child; false in the parent, once the child has ended. Needs root.
 */
bool user_begin(uid_t uid, gid_t gid);
bool user_begin_with_group(uid_t uid, gid_t gid, gid_t supplementary);
void user_end(void) __attribute__((noreturn));
#define TEST_UID 61001
#define TEST_GID 61002
#define OTHER_UID 61003
#define OTHER_GID 61004
#define EXTRA_GID 61005

typedef void sequence_function(void);

/* The cmocka test; its state is the sequence. */
void tape_same(void **state);
#define SAME(sequence)                                               \
	{                                                            \
#sequence, tape_same, NULL, NULL, (void *)(sequence) \
	}
/* The same, skipped where the tests are not run by root. */
void tape_same_as_root(void **state);
#define SAME_AS_ROOT(sequence)                                               \
	{                                                                    \
#sequence, tape_same_as_root, NULL, NULL, (void *)(sequence) \
	}

/* Compares two trees by tree_describe(); fails the test over the first difference. */
void assert_same_trees(const char *a, const char *b);
