/*
 * settings - reads and changes the options of a mount in use: the requests "get" and "set".
 *
 * Options that may change are kept twice: in server->options, under settings_lock, as they were given; and in
 * server->live, as atomics, for the threads that serve requests.
 */
#pragma once

#include <glib.h>
#include <pthread.h>
#include <stdint.h>

struct options;
struct server;

struct live_options {
	_Atomic uint64_t cache_size; /* bytes */
	_Atomic uint64_t large_keep; /* bytes */
	_Atomic uint64_t settle_ms;
	_Atomic uint64_t revalidate_ms;
	_Atomic double attr_timeout_s, entry_timeout_s, negative_timeout_s;
	_Atomic int write; /* enum option_write */
	_Atomic unsigned admit;
	_Atomic uint64_t small_max, large_min; /* bytes */
};

/* Sets server->live from server->options. Before there are other threads. */
void settings_init(struct server *server);

/* Copies the options in force. Their strings stay the server's. */
void settings_read(struct server *server, struct options *options);

/* Handlers for control.h: "get [OPTION...] [--json]" and "set OPT=VALUE...". @context is the server. */
int settings_get(void *context, int argc, char *const *argv, GString *reply);
int settings_set(void *context, int argc, char *const *argv, GString *reply);
