/*
 * libsievectl - asks a mounted sievefs, for programs other than sievectl too.
 *
 * Plain C without further libraries. Handles are not shared between threads. Errors are negative errno; what
 * they mean for the operator is in sievectl_error(), one line that names the path.
 */
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sievectl;

/*
 * Finds the mount that @path, any path inside it, belongs to. *@result is set in any case but -ENOMEM, so
 * that sievectl_error() can be asked, and must go to sievectl_close(). -ENOTTY: no sievefs mount; -ENOTCONN:
 * the mount's daemon is gone; else as open(2).
 */
int sievectl_open(const char *path, struct sievectl **result);

/*
 * Sends one request, @argv[0] being the verb and @argv ended by NULL, and waits for the reply. On success
 * *@reply is the text, ended by a NUL that @length (may be NULL) does not count; the caller free()s it. Any
 * number of requests may follow one another. -EACCES: only for root and the owner of the mount; -EINVAL: the
 * daemon does not take it.
 */
int sievectl_request(struct sievectl *ctl, const char *const *argv, char **reply, size_t *length);

/* Why the last call failed; "" when it did not. Valid until the next call. */
const char *sievectl_error(const struct sievectl *ctl);

/* Accepts NULL. */
void sievectl_close(struct sievectl *ctl);

#ifdef __cplusplus
}
#endif
