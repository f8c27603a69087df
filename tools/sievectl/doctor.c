#include "tools/sievectl/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/control/json.h"
#include "tools/sievectl/doctor_check.h"

static const char *const state_names[] = {
	[DOCTOR_OK] = "ok", [DOCTOR_MISSING] = "missing", [DOCTOR_UNKNOWN] = "unknown"};

static const char *mend_of(const struct doctor_check *check, const struct doctor_finding *finding)
{
	return finding->mend ? finding->mend : check->mend;
}

static void print_json(GString *out, const struct doctor_check *check, const struct doctor_finding *finding)
{
	bool fine = finding->state == DOCTOR_OK;

	json_begin_object(out, check->name);
	json_string(out, "state", state_names[finding->state]);
	json_string(out, "found", finding->found);
	json_string(out, "cost", fine ? "" : check->cost);
	json_string(out, "mend", fine ? "" : mend_of(check, finding));
	json_end_object(out);
}

static void print_text(GString *out, const struct doctor_check *check, const struct doctor_finding *finding)
{
	g_string_append_printf(
		out, "%-12s %-8s %s\n", check->name, state_names[finding->state], finding->found);
	if (finding->state == DOCTOR_OK)
		return;
	g_string_append_printf(out, "%-12s %-8s %s\n", "", "  cost", check->cost);
	g_string_append_printf(out, "%-12s %-8s %s\n", "", "  mend", mend_of(check, finding));
}

/* Returns how many things are missing. */
static unsigned print_checks(GString *out, const struct doctor_source *source, bool json)
{
	unsigned missing = 0;

	for (size_t i = 0; i < doctor_check_count; i++) {
		struct doctor_finding finding = doctor_checks[i].look(source);

		missing += finding.state == DOCTOR_MISSING;
		(json ? print_json : print_text)(out, &doctor_checks[i], &finding);
		g_free(finding.found);
	}
	return missing;
}

static int open_source(const char *path, struct doctor_source *source)
{
	int error;

	source->fd = -1;
	if (!path)
		return 0;
	source->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source->fd >= 0)
		return 0;
	error = errno;
	fprintf(stderr, "sievectl: SOURCE %s: %s\n", path, strerror(error));
	return -error;
}

int doctor_run(const char *path, const char *const *request)
{
	g_autoptr(GString) out = g_string_new(NULL);
	bool json = request[1];
	struct doctor_source source;
	unsigned missing;
	int r = open_source(path, &source);

	if (r < 0)
		return r;
	if (json) {
		json_begin_object(out, NULL);
		json_string(out, "source", path ? path : "");
		json_begin_object(out, "checks");
	}
	missing = print_checks(out, &source, json);
	if (json) {
		json_end_object(out);
		json_uint(out, "missing", missing);
		json_end_object(out);
		g_string_append_c(out, '\n');
	}
	fputs(out->str, stdout);
	if (source.fd >= 0)
		close(source.fd);
	return missing > 0;
}
