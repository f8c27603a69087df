/*
 * advice - the opens of which `sievectl advise` learns how other caches would do: feeds the sample
 * (cache/policy/sample.h) and hands it to who asks. What to make of it is the asker's business, in its own
 * memory.
 */
#pragma once

#include <glib.h>

struct advice;
struct opening;
struct server;

/* NULL without memory. */
struct advice *advice_new(const struct server *server);
void advice_free(struct advice *advice); /* accepts NULL */

/* An open was made. Takes no lock, but now and then one that is free. */
void advice_opened(const struct opening *o);

/* Once a second. */
void advice_tick(struct server *server);

/* The option changed: where larger files are to be looked at than before, the sample begins anew. */
void advice_follow_small_max(struct server *server);

/*
 * Handler for control.h, @context is the server: "sample" gives lines of a name and a value, "sample files N"
 * and "sample tokens N" what there is from number N on: a line with the generation, and up to SAMPLE_PIECE
 * bytes in the machine's byte order.
 */
int advice_sample(void *context, int argc, char *const *argv, GString *reply);
