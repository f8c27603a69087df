/*
 * backend_impl - what a backend provides. Included by backends only; callers include backend.h.
 *
 * A backend embeds struct backend as its first member and hands out files that embed struct backend_file as
 * theirs.
 */
#pragma once

#include "backends/backend.h"

struct fault_plan;

struct backend_impl {
	int (*open)(struct backend *backend, const struct backend_open *how, struct backend_file **file);
	void (*close)(struct backend_file *file);
	void (*read)(struct backend_request *request);
	void (*write)(struct backend_request *request);
	void (*wrote)(struct backend_request *request);
	void (*file_changed)(struct backend_file *file);
	void (*changed)(struct backend *backend, dev_t dev, ino_t ino);
	enum backend_pattern (*pattern)(struct backend_file *file);
	const char *(*engine_name)(const struct backend *backend);
	const struct backend_stats *(*stats)(const struct backend *backend);
	void (*free)(struct backend *backend);
};

struct backend {
	const struct backend_impl *impl;
};

struct backend_file {
	struct backend *backend;
};

/* Takes over both on success. */
int backend_faulty_wrap(struct backend *inner, struct fault_plan *plan, struct backend **out);
