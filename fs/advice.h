/*
 * advice - a sample of the mount's opens, from which `sievectl advise` computes what other cache settings
 * would achieve.
 *
 * Feeds the sample (cache/policy/sample.h) and hands it out; sievectl computes in its own process.
 */
#pragma once

#include <glib.h>

struct advice;
struct opening;
struct server;

/* NULL if out of memory. */
struct advice *advice_new(const struct server *server);
void advice_free(struct advice *advice); /* accepts NULL */

/* Records an open. Never waits for a lock: now and then it takes one, if that is free. */
void advice_opened(const struct opening *o);

/* Once a second. */
void advice_tick(struct server *server);

/* The option small_max changed. The sample starts afresh if it has to include larger files than before. */
void advice_follow_small_max(struct server *server);

/*
 * Handler for control.h; @context is the server. "sample" replies with lines of a name and a value. "sample
 * files N" and "sample tokens N" reply with the entries from number N on: a line with the generation, then up
 * to SAMPLE_PIECE bytes in the machine's byte order.
 */
int advice_sample(void *context, int argc, char *const *argv, GString *reply);
