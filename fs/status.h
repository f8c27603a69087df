/* status - the requests that a mount answers through its control file; see fs/control/control.h. */
#pragma once

#include "fs/control/file_request.h"

#include "fs/control/control.h"

/* Ends with a row without a name. The handlers' context is the struct server. */
extern const struct control_verb status_verbs[];

struct server;

/* Reloads the rules of a mount that has the option rules. 0 with their number in *reply, or -errno with the
 * reason there. */
int status_reload(struct server *server, GString *reply);

/* Appends the metrics as OpenMetrics text. From any thread. */
void status_metrics(struct server *server, GString *out);

/* Where the cached files are: "page cache", "tmpfs" or "memfd". */
const char *status_store_name(struct server *server);

/* Fills in the answer to MOUNT_REQUEST_IOCTL. */
void status_sum_up(struct server *server, struct mount_answer *answer);
