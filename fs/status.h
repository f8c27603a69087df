/* status - the requests that a running mount answers; see fs/control.h. */
#pragma once

#include "fs/control/file_request.h"

#include "fs/control/control.h"

/* Ended by a row without a name; the context is the struct server. */
extern const struct control_verb status_verbs[];

struct server;

/* Reads the rules again, of a mount that has some: 0 and how many, or -errno and what is wrong, in *reply. */
int status_reload(struct server *server, GString *reply);

/* Appends the metrics, as OpenMetrics text. Any thread may ask. */
void status_metrics(struct server *server, GString *out);

/* What holds the cached files. */
const char *status_store_name(struct server *server);

/* The sums that programs may ask for. */
void status_sum_up(struct server *server, struct mount_answer *answer);
