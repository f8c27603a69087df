/*
 * coherence - random operations by processes of two machines, checked against an oracle; see coherence.h.
 *
 * usage: coherence DIRECTORY_A DIRECTORY_B [--ops=N] [--procs=N] [--files=N] [--quiet=MS] [--pause=US]
 * 	[--small=BYTES] [--large=BYTES] [--no-stat] [--seed=N]
 *
 * The two arguments are the same directory, as two machines see it. A file is changed a few times and then
 * only read for up to --quiet, so that it is cached; then it is changed while it is cached. At the first
 * wrong answer the program prints a line on stderr and exits with status 1.
 */
#include "tests/distributed/coherence.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCS 64

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void worker_fail(struct worker *worker, unsigned file, const char *format, ...)
{
	const struct coherent_file *f = &worker->shared->files[file];
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!atomic_exchange(&worker->shared->failed, true))
		fprintf(stderr, "process %u %s %s (version %" PRIu32 ", generation %" PRIu32 "): %s\n",
			worker->number, worker->doing, worker->path, f->version, f->generation, text);
	_exit(EXIT_FAILURE);
}

void worker_name(struct worker *worker, unsigned file)
{
	snprintf(worker->path, sizeof(worker->path), "%s/file-%u", worker->dir, file);
}

/* Low numbers are chosen more often. */
static unsigned choose_file(struct worker *worker)
{
	uint64_t count = worker->shared->file_count, a = random_below(&worker->random, count),
		 b = random_below(&worker->random, count);

	return (unsigned)(a < b ? a : b);
}

static void change_or_read(struct worker *worker, unsigned file)
{
	struct coherent_file *f = &worker->shared->files[file];
	bool change = random_below(&worker->random, 10) < 4 && now_ms() >= atomic_load(&f->quiet_until_ms);

	if (change)
		pthread_rwlock_wrlock(&f->lock);
	else
		pthread_rwlock_rdlock(&f->lock);
	if (change) {
		worker_change(worker, file);
		if (random_below(&worker->random, 3) == 0)
			atomic_store(&f->quiet_until_ms, now_ms() + (int64_t)random_below(&worker->random,
									    worker->shared->quiet_ms + 1));
	} else if (random_below(&worker->random, 8) == 0) {
		snprintf(worker->doing, sizeof(worker->doing), "opens");
		worker_hold(worker, file);
	} else {
		snprintf(worker->doing, sizeof(worker->doing), "reads");
		worker_read(worker, file);
	}
	pthread_rwlock_unlock(&f->lock);
}

static void step(struct worker *worker)
{
	struct held *held = &worker->held[random_below(&worker->random, COHERENCE_HELD)];

	if (held->fd >= 0 && random_below(&worker->random, 8) == 0) {
		pthread_rwlock_rdlock(&worker->shared->files[held->file].lock);
		snprintf(worker->doing, sizeof(worker->doing), "still has open");
		worker_name(worker, held->file);
		worker_read_held(worker, held);
		pthread_rwlock_unlock(&worker->shared->files[held->file].lock);
	} else {
		change_or_read(worker, choose_file(worker));
	}
	if (worker->shared->pause_us)
		usleep((useconds_t)random_below(&worker->random, 2 * worker->shared->pause_us));
}

static void work(struct coherence *shared, unsigned number, const char *dir)
{
	static struct worker worker;

	worker = (struct worker){
		.shared = shared,
		.number = number,
		.dir = dir,
		.random = {shared->seed + number},
		.buffer = malloc(shared->large_size),
	};
	for (unsigned i = 0; i < COHERENCE_HELD; i++)
		worker.held[i].fd = -1;
	for (unsigned long i = 0; i < shared->op_count / shared->proc_count && !atomic_load(&shared->failed);
		i++)
		step(&worker);
	_exit(EXIT_SUCCESS);
}

/* A process that has ended may still have a lock: the others are not waited for. */
static bool wait_for_all(const pid_t *pids, unsigned long count)
{
	int status;

	for (unsigned long i = 0; i < count; i++) {
		if (wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		for (unsigned long j = 0; j < count; j++)
			kill(pids[j], SIGKILL);
		return false;
	}
	return true;
}

static struct coherence *coherence_new(void)
{
	struct coherence *shared =
		mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_rwlockattr_t attributes;

	if (shared == MAP_FAILED)
		abort();
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	/* readers are many */
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	for (unsigned i = 0; i < COHERENCE_FILES; i++)
		pthread_rwlock_init(&shared->files[i].lock, &attributes);
	shared->op_count = 2000;
	shared->proc_count = 4;
	shared->file_count = 48;
	shared->quiet_ms = 400;
	shared->small_size = 64 << 10;
	shared->large_size = 2 << 20;
	shared->stats = true;
	shared->seed = (uint64_t)time(NULL);
	return shared;
}

static bool take_options(struct coherence *shared, int argc, char **argv)
{
	static const struct option options[] = {
		{"ops", required_argument, NULL, 'o'},
		{"procs", required_argument, NULL, 'p'},
		{"files", required_argument, NULL, 'f'},
		{"quiet", required_argument, NULL, 'q'},
		{"pause", required_argument, NULL, 'u'},
		{"small", required_argument, NULL, 's'},
		{"large", required_argument, NULL, 'l'},
		{"seed", required_argument, NULL, 'r'},
		{"no-stat", no_argument, NULL, 'n'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;

		switch (option) {
		case 'o':
			shared->op_count = number;
			break;
		case 'p':
			shared->proc_count = number;
			break;
		case 'f':
			shared->file_count = number;
			break;
		case 'q':
			shared->quiet_ms = (unsigned)number;
			break;
		case 'u':
			shared->pause_us = (unsigned)number;
			break;
		case 's':
			shared->small_size = number;
			break;
		case 'l':
			shared->large_size = number;
			break;
		case 'r':
			shared->seed = number;
			break;
		case 'n':
			shared->stats = false;
			break;
		default:
			return false;
		}
	}
	return argc - optind == 2 && shared->proc_count >= 1 && shared->proc_count <= PROCS &&
	       shared->file_count >= 1 && shared->file_count <= COHERENCE_FILES &&
	       shared->large_size >= 4096 && shared->small_size >= 1 &&
	       shared->small_size <= shared->large_size;
}

int main(int argc, char **argv)
{
	struct coherence *shared = coherence_new();
	pid_t pids[PROCS];
	bool right;

	if (!take_options(shared, argc, argv)) {
		fprintf(stderr, "usage: coherence DIRECTORY_A DIRECTORY_B [--ops=N]…\n");
		return EXIT_FAILURE;
	}
	for (unsigned i = 0; i < shared->proc_count; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			work(shared, i, argv[optind + (int)(i % 2)]);
	}
	right = wait_for_all(pids, shared->proc_count);
	printf("%lu reads (%lu mapped), %lu of files held open, %lu changes; seed %" PRIu64 "\n",
		atomic_load(&shared->reads), atomic_load(&shared->mapped_reads),
		atomic_load(&shared->held_reads), atomic_load(&shared->changes), shared->seed);
	return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
