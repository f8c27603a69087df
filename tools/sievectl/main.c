/* sievectl - the command that queries and controls a mounted sievefs. */
#include "cache/base/standard_fds.h"
#include "tools/libsievefs/sievefs.h"
#include "tools/sievectl/accesslog.h"
#include "tools/sievectl/advise.h"
#include "tools/sievectl/doctor.h"
#include "tools/sievectl/evict.h"
#include "tools/sievectl/explain.h"
#include "tools/sievectl/flush.h"
#include "tools/sievectl/ls.h"
#include "tools/sievectl/pin.h"
#include "tools/sievectl/print.h"
#include "tools/sievectl/stat.h"
#include "tools/sievectl/top.h"
#include "tools/sievectl/trace.h"
#include "tools/sievectl/warm.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command {
	const char *name;
	const char *usage;
	const char *help;
	const char *const *flags; /* ended by NULL; one that ends with "=" takes a value */
	/* 0; 1: it failed, and has printed why; or -errno, with the reason in sievefs_mount_error(). @request
	 * is the command's name, its flags, each followed by its value, and its words. */
	int (*run)(struct sievefs_mount *mount, const char *const *request);
	/* Instead of run, for a command that needs no mount; @path is NULL if none was given. 0; 1: an answer
	 * that is to be the exit status; or -errno, which was explained. */
	int (*run_unmounted)(const char *path, const char *const *request);
	/* Instead of run, for a command about one file or more: @files and @flags are ended by NULL. Returns
	 * the exit status, after printing what was wrong. */
	int (*run_files)(const char *const *files, const char *const *flags);
	bool takes_words; /* after MOUNTPOINT */
};

static const char *const advise_flags[] = {"--json", "--svg=", NULL};
static const char *const json_flags[] = {"--json", NULL};
static const char *const flush_flags[] = {"--wait", NULL};
static const char *const evict_flags[] = {"--all", NULL};
static const char *const stat_flags[] = {"--json", "-i=", "-c=", NULL};
static const char *const top_flags[] = {"-i=", NULL};
static const char *const no_flags[] = {NULL};

static const struct command commands[] = {
	{"stat", "stat MOUNTPOINT [--json | -i SECONDS [-c COUNT]]",
		"options in force and counters of the mount", stat_flags, stat_run},
	{"top", "top MOUNTPOINT [-i SECONDS]", "what the mount does, live on a terminal", top_flags, top_run},
	{"metrics", "metrics MOUNTPOINT", "the counters as OpenMetrics text", no_flags, print_reply},
	{"reload", "reload MOUNTPOINT", "read the rules file again", no_flags, print_reply},
	{"ls", "ls MOUNTPOINT [--json]", "the cached files, most opened first", json_flags, ls_run},
	{"flush", "flush PATH... [--wait]", "start writeback of dirty data", flush_flags,
		.run_files = flush_run},
	{"explain", "explain FILE... [--json]", "which lane files would take, and why they are cached or not",
		json_flags, .run_files = explain_run},
	{"warm", "warm PATH...", "bring files into the cache, and wait", no_flags, .run_files = warm_run},
	{"pin", "pin PATH...", "keep files in the cache", no_flags, .run_files = pin_run},
	{"unpin", "unpin PATH...", "let pinned files be evicted again", no_flags, .run_files = unpin_run},
	{"evict", "evict PATH... [--all]", "remove files from the cache and the page cache", evict_flags,
		.run_files = evict_run},
	{"advise", "advise MOUNTPOINT [--json] [--svg FILE]", "hit ratios with other cache sizes and options",
		advise_flags, advise_run},
	{"doctor", "doctor [SOURCE] [--json]", "check what this machine lacks for sievefs", json_flags,
		.run_unmounted = doctor_run},
	{"get", "get MOUNTPOINT [OPTION...] [--json]", "options in force, as mount -o takes them", json_flags,
		print_reply, .takes_words = true},
	{"set", "set MOUNTPOINT OPT=VALUE...", "change options of the running mount", no_flags, print_reply,
		.takes_words = true},
	{"accesslog", "accesslog MOUNTPOINT", "a line for each operation, until interrupted", no_flags,
		accesslog_run},
	{"trace", "trace MOUNTPOINT start FILE|stop", "record opens for sievefs-replay", no_flags, trace_run,
		.takes_words = true},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

__attribute__((format(printf, 1, 2))) static int complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("sievectl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return EXIT_FAILURE;
}

static int finish_output(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return complain("standard output: %s", strerror(errno));
	return EXIT_SUCCESS;
}

static int print_help(void)
{
	printf("usage: sievectl COMMAND MOUNTPOINT [ARGUMENT]...\n\n"
	       "Queries and controls the sievefs mounted at MOUNTPOINT; any path inside the mount will "
	       "do.\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %-49s %s\n", commands[i].usage, commands[i].help);
	printf("  %-49s %s\n  %-49s %s\n\nEach command is explained in sievectl(8).\n", "-h, --help",
		"this text", "-V, --version", "the version");
	return finish_output();
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* The flag as the table has it; NULL: the command has no such flag. */
static const char *find_flag(const struct command *command, const char *word)
{
	size_t length = strcspn(word, "=");

	for (const char *const *flag = command->flags; *flag; flag++) {
		if (strcspn(*flag, "=") == length && strncmp(*flag, word, length) == 0 &&
			(!word[length] || (*flag)[length]))
			return *flag;
	}
	return NULL;
}

/* The words after the command, sorted into arrays that are ended by NULL and have room for all of them. */
struct words {
	const char **request; /* the command, its flags, and the words that it takes */
	const char **files;   /* the path or paths */
	size_t request_count, file_count;
};

static bool takes_path(const struct command *command, const struct words *words)
{
	return command->run_files || words->file_count == 0;
}

/* A value follows "=", or is the next word, to which *@typed is then set. */
static int take_flag(const struct command *command, char ***typed, struct words *words)
{
	char *word = **typed, *value = strchr(word, '=');
	const char *flag = find_flag(command, word);

	if (!flag)
		return complain("%s: unknown flag, usage: sievectl %s", word, command->usage);
	words->request[words->request_count++] = word;
	if (!strchr(flag, '='))
		return EXIT_SUCCESS;
	if (value)
		*value++ = '\0';
	else
		value = *++*typed;
	if (!value)
		return complain("%s: takes a value, usage: sievectl %s", word, command->usage);
	words->request[words->request_count++] = value;
	return EXIT_SUCCESS;
}

/* "--" makes all that follow paths or words. */
static int sort_words(const struct command *command, char **typed, struct words *words)
{
	bool no_flags_follow = false;

	words->request[words->request_count++] = command->name;
	for (; *typed; typed++) {
		bool is_flag = !no_flags_follow && (*typed)[0] == '-' && (*typed)[1];

		if (is_flag && strcmp(*typed, "--") == 0)
			no_flags_follow = true;
		else if (is_flag && take_flag(command, &typed, words) != EXIT_SUCCESS)
			return EXIT_FAILURE;
		else if (is_flag)
			continue;
		else if (takes_path(command, words))
			words->files[words->file_count++] = *typed;
		else if (command->takes_words)
			words->request[words->request_count++] = *typed;
		else
			return complain(
				"%s: unexpected argument, usage: sievectl %s", *typed, command->usage);
	}
	if (words->file_count == 0 && !command->run_unmounted)
		return complain("%s is missing, usage: sievectl %s",
			command->run_files ? "PATH" : "MOUNTPOINT", command->usage);
	return EXIT_SUCCESS;
}

static int ask(const struct command *command, const char *path, const char *const *request)
{
	struct sievefs_mount *mount;
	int r = sievefs_mount_open(path, &mount);

	if (r == 0)
		r = command->run(mount, request);
	if (r < 0)
		complain("%s",
			mount && *sievefs_mount_error(mount) ? sievefs_mount_error(mount) : strerror(-r));
	else if (finish_output() != EXIT_SUCCESS)
		r = 1;
	sievefs_mount_close(mount);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int answer_unmounted(const struct command *command, const char *path, const char *const *request)
{
	int r = command->run_unmounted(path, request);

	return r < 0 || finish_output() != EXIT_SUCCESS ? EXIT_FAILURE : r;
}

static int run(const struct command *command, const struct words *words)
{
	int r;

	if (command->run_unmounted)
		return answer_unmounted(command, words->files[0], words->request);
	if (!command->run_files)
		return ask(command, words->files[0], words->request);
	r = command->run_files(words->files, words->request + 1);
	return finish_output() == EXIT_SUCCESS ? r : EXIT_FAILURE;
}

static int obey(const struct command *command, int count, char **typed)
{
	struct words words = {
		.request = calloc(2 * (size_t)count + 2, sizeof(*words.request)),
		.files = calloc((size_t)count + 1, sizeof(*words.files)),
	};
	int r = EXIT_FAILURE;

	if (!words.request || !words.files)
		complain("%s", strerror(ENOMEM));
	else if (sort_words(command, typed, &words) == EXIT_SUCCESS)
		r = run(command, &words);
	free(words.request);
	free(words.files);
	return r;
}

int main(int argc, char **argv)
{
	const struct command *command;

	standard_fds_take();
	if (argc < 2)
		return complain("a command is missing, sievectl -h lists them");
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)
		return print_help();
	if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
		puts("sievectl " SIEVEFS_VERSION);
		return finish_output();
	}
	command = find_command(argv[1]);
	if (!command)
		return complain("%s: unknown command, sievectl -h lists them", argv[1]);
	return obey(command, argc - 2, argv + 2);
}
