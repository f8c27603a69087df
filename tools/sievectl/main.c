/* sievectl - the command that asks a mounted sievefs. */
#include "cache/base/standard_fds.h"
#include "tools/sievectl/client.h"
#include "tools/sievectl/doctor.h"
#include "tools/sievectl/flush.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64

struct command {
	const char *name;
	const char *usage;
	const char *help;
	const char *const *flags; /* ended by NULL */
	/* 0 or -errno, with the reason in sievectl_error(); @request is the command's name, its flags and
	 * words. */
	int (*run)(struct sievectl *ctl, const char *const *request);
	/* Instead of run, by a command that asks no mount; @path is NULL where none was given. 0; 1, an
	 * answer that is to be the exit status; or -errno, already explained. */
	int (*run_unmounted)(const char *path, const char *const *request);
	bool takes_words; /* behind MOUNTPOINT */
};

static int run_request(struct sievectl *ctl, const char *const *request);

static const char *const json_flags[] = {"--json", NULL};
static const char *const flush_flags[] = {"--wait", NULL};
static const char *const no_flags[] = {NULL};

static const struct command commands[] = {
	{"stat", "stat MOUNTPOINT [--json]", "options in force and counters of the mount", json_flags,
		run_request},
	{"metrics", "metrics MOUNTPOINT", "the counters as OpenMetrics text", no_flags, run_request},
	{"reload", "reload MOUNTPOINT", "read the rules file again", no_flags, run_request},
	{"flush", "flush MOUNTPOINT [--wait]", "send to the disk what is dirty", flush_flags, flush_run},
	{"doctor", "doctor [SOURCE] [--json]", "what this machine has of what sievefs can use", json_flags,
		.run_unmounted = doctor_run},
	{"get", "get MOUNTPOINT [OPTION...] [--json]", "options in force, as mount -o takes them", json_flags,
		run_request, .takes_words = true},
	{"set", "set MOUNTPOINT OPT=VALUE...", "change options of the mount while it is in use", no_flags,
		run_request, .takes_words = true},
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
	       "Asks the sievefs mounted at MOUNTPOINT; any path inside the mount will do.\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %-36s %s\n", commands[i].usage, commands[i].help);
	printf("  %-36s %s\n  %-36s %s\n\nEach command is explained in sievectl(8).\n", "-h, --help",
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

static bool has_flag(const struct command *command, const char *word)
{
	for (const char *const *flag = command->flags; *flag; flag++) {
		if (strcmp(*flag, word) == 0)
			return true;
	}
	return false;
}

/* Sorts the words behind the command into the path, the first of them, and the request's; "--" makes the next
 * one a path. */
static int sort_words(const struct command *command, char **words, const char **request, const char **path)
{
	size_t count = 1;
	bool only_paths = false;

	request[0] = command->name;
	for (; *words; words++) {
		if (!only_paths && strcmp(*words, "--") == 0) {
			only_paths = true;
		} else if (!only_paths && (*words)[0] == '-' && (*words)[1]) {
			if (!has_flag(command, *words))
				return complain(
					"%s: unknown flag, usage: sievectl %s", *words, command->usage);
			request[count++] = *words;
		} else if (!*path) {
			*path = *words;
		} else if (command->takes_words) {
			request[count++] = *words;
		} else {
			return complain("%s: one word too many, usage: sievectl %s", *words, command->usage);
		}
		if (count == WORDS_MAX)
			return complain("%s: more than %d words", *words, WORDS_MAX - 2);
	}
	request[count] = NULL;
	if (!*path && !command->run_unmounted)
		return complain("MOUNTPOINT is missing, usage: sievectl %s", command->usage);
	return EXIT_SUCCESS;
}

/* The mount answers with what is to be printed. */
static int run_request(struct sievectl *ctl, const char *const *request)
{
	char *reply = NULL;
	size_t length = 0;
	int r = sievectl_request(ctl, request, &reply, &length);

	if (r == 0) {
		fwrite(reply, 1, length, stdout);
		if (length > 0 && reply[length - 1] != '\n')
			putchar('\n');
	}
	free(reply);
	return r;
}

static int ask(const struct command *command, const char *path, const char *const *request)
{
	struct sievectl *ctl;
	int r = sievectl_open(path, &ctl);

	if (r == 0)
		r = command->run(ctl, request);
	if (r < 0)
		complain("%s", ctl && *sievectl_error(ctl) ? sievectl_error(ctl) : strerror(-r));
	else
		r = finish_output();
	sievectl_close(ctl);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int answer_unmounted(const struct command *command, const char *path, const char *const *request)
{
	int r = command->run_unmounted(path, request);

	return r < 0 || finish_output() != EXIT_SUCCESS ? EXIT_FAILURE : r;
}

int main(int argc, char **argv)
{
	const char *request[WORDS_MAX] = {NULL};
	const char *path = NULL;
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
	if (sort_words(command, argv + 2, request, &path) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (command->run_unmounted)
		return answer_unmounted(command, path, request);
	return ask(command, path, request);
}
