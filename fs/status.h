/* status - the requests that a running mount answers; see fs/control.h. */
#pragma once

#include "fs/control.h"

/* Ended by a row without a name; the context is the struct server. */
extern const struct control_verb status_verbs[];
