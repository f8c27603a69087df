/*
 * exporter - serves a mount's metrics over HTTP, at /metrics, for Prometheus and similar scrapers.
 *
 * Uses libmicrohttpd in one thread; a build without that library has exporter_missing.c instead. Answers GET
 * and HEAD of any client: access is restricted by the address only (metrics_address.h). The number of
 * connections is limited and idle ones are closed, so that hanging scrapers cost little.
 */
#pragma once

#include <glib.h>

#define EXPORTER_CONNECTIONS 8 /* at a time; further ones wait */
#define EXPORTER_IDLE_S 10

struct exporter;

struct exporter_settings {
	const char *address; /* value of the option metrics; borrowed for the call */
	unsigned idle_s;     /* seconds after which an idle connection is closed */
	/* Appends the metrics to out. Called in the exporter's thread. */
	void (*render)(void *context, GString *out);
	void *context;
};

/* Starts serving. 0, or -errno with one line in @error, which names the option and which the caller frees. */
int exporter_new(const struct exporter_settings *settings, struct exporter **out, char **error);

/* Waits for replies in progress and removes a Unix socket's name. Accepts NULL. */
void exporter_free(struct exporter *exporter);
