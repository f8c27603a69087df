/* exporter.h in a build without libmicrohttpd: reports an error. */
#include "fs/control/exporter.h"

#include <errno.h>

int exporter_new(const struct exporter_settings *settings, struct exporter **out, char **error)
{
	(void)out;
	*error = g_strdup_printf(
		"metrics=%s: this sievefs was built without libmicrohttpd, which serves metrics; "
		"sievectl metrics prints them",
		settings->address);
	return -ENOTSUP;
}

void exporter_free(struct exporter *exporter)
{
	(void)exporter;
}
