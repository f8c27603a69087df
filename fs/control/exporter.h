/*
 * exporter - serves a mount's metrics over HTTP, at /metrics, for Prometheus and what else asks so.
 *
 * By libmicrohttpd, in one thread of its own; a build without that library has exporter_missing.c instead. It
 * answers GET and HEAD, whoever asks: who may connect is the address's to say (metrics_address.h).
 * Connections are few and idle ones end, so that scrapers that hang cost a bounded amount.
 */
#pragma once

#include <glib.h>

#define EXPORTER_CONNECTIONS 8 /* further ones wait until one of them ends */
#define EXPORTER_IDLE_S 10

struct exporter;

struct exporter_settings {
	const char *address; /* as the option has it; borrowed for the call */
	unsigned idle_s;     /* seconds after which a connection ends on which nothing happens */
	/* Appends the metrics. Called in the exporter's thread. */
	void (*render)(void *context, GString *out);
	void *context;
};

/* From here on it answers. 0, or -errno with one line in @error, freed by the caller, that names the option.
 */
int exporter_new(const struct exporter_settings *settings, struct exporter **out, char **error);

/* Waits for an answer that is being made; removes a socket's name. NULL is fine. */
void exporter_free(struct exporter *exporter);
