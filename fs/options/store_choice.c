#include "fs/options/store_choice.h"

#include <errno.h>
#include <glib.h>

/* Why files can't be pinned; NULL if they can. The caller frees it. */
static char *obstacle(const struct store_facts *facts)
{
	if (!facts->source->local)
		return g_strdup_printf("SOURCE's file system is %s: its pages may be dropped at any time",
			facts->source->name);
	if (!facts->may_lock)
		return g_strdup("locking pages takes CAP_IPC_LOCK (root)");
	if (facts->keepers_error)
		return g_strdup_printf("keepers cannot be started: %s", g_strerror(-facts->keepers_error));
	return NULL;
}

int store_choose(const struct store_facts *facts, bool *pin, char **why)
{
	char *no = facts->option == STORE_COPY ? g_strdup("asked for") : obstacle(facts);

	*pin = !no;
	if (no)
		*why = no;
	else if (facts->option == STORE_PIN)
		*why = g_strdup("asked for");
	else
		*why = g_strdup_printf("SOURCE's file system is %s, a local one", facts->source->name);
	return no && facts->option == STORE_PIN ? -EOPNOTSUPP : 0;
}
