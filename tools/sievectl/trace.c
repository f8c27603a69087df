#include "tools/sievectl/trace.h"

#include "cache/base/trace_format.h"
#include "tools/sievectl/listen.h"
#include "tools/sievectl/print.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RECORDS 2048 /* read at a time */
#define PAUSE_MS 100
#define STOP_TRIES 100

static const char *const ask_trace[] = {"trace", NULL}, *const ask_stop[] = {"trace_stop", NULL};

/* What the mount reports about a recording. */
struct recorded {
	unsigned recorders; /* that have not written all of it */
	uint64_t records, lost;
};

static int stop(struct sievefs_mount *mount, struct recorded *recorded)
{
	char *reply = NULL;
	int r = sievefs_mount_request(mount, ask_stop, &reply, NULL);

	*recorded = (struct recorded){0};
	if (r == 0 && sscanf(reply, "%u %" SCNu64 " %" SCNu64, &recorded->recorders, &recorded->records,
			      &recorded->lost) != 3)
		r = -EPROTO;
	free(reply);
	return r;
}

/* --- start ------------------------------------------------------------------------------------ */

static volatile sig_atomic_t interrupted;

static void note_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static void catch_interrupts(void)
{
	const struct sigaction action = {.sa_handler = note_interrupt};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

struct counts {
	uint64_t opens, changes;
};

static void count_records(const struct trace_record *records, size_t count, struct counts *counts)
{
	for (size_t i = 0; i < count; i++) {
		const bool is_open = (le64toh(records[i].size_and_event) & 0xff) == TRACE_OPEN;

		counts->opens += is_open;
		counts->changes += !is_open;
	}
}

/* Records until the end, which an interrupt asks for. The mount delivers whole records. */
static int record(struct sievefs_mount *mount, int control, FILE *file, struct counts *counts)
{
	struct trace_record records[RECORDS];
	struct recorded recorded;
	bool asked = false;
	ssize_t n;

	fwrite(TRACE_MAGIC, 1, strlen(TRACE_MAGIC), file);
	for (;;) {
		if (interrupted && !asked && stop(mount, &recorded) < 0)
			return 0; /* the mount is gone */
		asked = interrupted;
		n = listen_read(control, -1, (char *)records, sizeof(records));
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		count_records(records, (size_t)n / sizeof(*records), counts);
		if (fwrite(records, 1, (size_t)n, file) != (size_t)n)
			return -errno;
	}
}

static int write_trace(struct sievefs_mount *mount, int control, const char *path)
{
	FILE *file = fopen(path, "we");
	struct counts counts = {0};
	struct recorded recorded = {0};
	int r;

	if (!file)
		return print_failure("%s: %s", path, strerror(errno));
	catch_interrupts();
	r = record(mount, control, file, &counts);
	if (fclose(file) != 0 && r == 0)
		r = -errno;
	/* as long as this process listens, the counts are those of its recording; if the mount is gone, there
	 * are none */
	stop(mount, &recorded);
	if (r < 0)
		return print_failure("%s: %s", path, strerror(-r));
	printf("%" PRIu64 " opens and %" PRIu64 " changes recorded, %" PRIu64 " lost\n", counts.opens,
		counts.changes, recorded.lost);
	return 0;
}

static int start_run(struct sievefs_mount *mount, const char *path)
{
	int control = sievefs_mount_listen(mount, ask_trace), r;

	if (control < 0)
		return control;
	r = write_trace(mount, control, path);
	close(control);
	return r;
}

/* --- stop ------------------------------------------------------------------------------------- */

static int stop_run(struct sievefs_mount *mount)
{
	struct recorded recorded, now;
	int r = stop(mount, &recorded);

	if (r < 0)
		return r;
	if (!recorded.recorders)
		return print_failure("trace stop: nothing is being recorded");
	now = recorded;
	for (int tries = 0; r == 0 && now.recorders; tries++) {
		if (tries == STOP_TRIES)
			return print_failure("trace stop: the recorder does not write the rest");
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
		r = stop(mount, &now);
	}
	if (r == 0)
		printf("%" PRIu64 " records, %" PRIu64 " lost\n", recorded.records, recorded.lost);
	return r;
}

int trace_run(struct sievefs_mount *mount, const char *const *request)
{
	const char *const verb = request[1];

	if (verb && strcmp(verb, "start") == 0 && request[2] && !request[3])
		return start_run(mount, request[2]);
	if (verb && strcmp(verb, "stop") == 0 && !request[2])
		return stop_run(mount);
	return print_failure("trace: takes start FILE, or stop");
}
