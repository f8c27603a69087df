/* The command as a program: its help, its errors, its exit status. argv[1] is the program. */
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

static char *program;

struct outcome {
	int status;
	char *out, *err;
};

static struct outcome run(const char *arguments)
{
	g_auto(GStrv) words = g_strsplit(arguments, " ", -1);
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	struct outcome outcome;

	g_ptr_array_add(argv, program);
	for (char **word = words; *word; word++)
		g_ptr_array_add(argv, *word);
	g_ptr_array_add(argv, NULL);
	assert_true(g_spawn_sync(NULL, (char **)argv->pdata, NULL, 0, NULL, NULL, &outcome.out, &outcome.err,
		&outcome.status, NULL));
	return outcome;
}

static void clear(struct outcome *outcome)
{
	g_free(outcome->out);
	g_free(outcome->err);
}

static void help_and_version_succeed(void **state)
{
	static const char *const calls[][2] = {
		{"-h", "usage: sievectl COMMAND MOUNTPOINT [ARGUMENT]...\n"},
		{"--help", "  stat MOUNTPOINT [--json | -i SECONDS [-c COUNT]] "},
		{"--help", "  top MOUNTPOINT [-i SECONDS] "},
		{"--help", "  reload MOUNTPOINT "},
		{"--help", "  flush PATH... [--wait] "},
		{"--help", "  explain FILE... [--json] "},
		{"--help", "  warm PATH... "},
		{"--help", "  evict PATH... [--all] "},
		{"--help", "  ls MOUNTPOINT [--json] "},
		{"--help", "  pin PATH... "},
		{"--help", "  unpin PATH... "},
		{"--help", "  doctor [SOURCE] [--json] "},
		{"--help", "  get MOUNTPOINT [OPTION...] [--json] "},
		{"--help", "  set MOUNTPOINT OPT=VALUE... "},
		{"-V", "sievectl " SIEVEFS_VERSION "\n"},
		{"--version", "sievectl " SIEVEFS_VERSION "\n"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		struct outcome outcome = run(calls[i][0]);

		assert_int_equal(outcome.status, 0);
		assert_non_null(strstr(outcome.out, calls[i][1]));
		assert_string_equal(outcome.err, "");
		clear(&outcome);
	}
}

static void bad_calls_get_one_line_and_status_1(void **state)
{
	static const char *const calls[][2] = {
		{"stta /", "sievectl: stta: unknown command, sievectl -h lists them\n"},
		{"stat", "sievectl: MOUNTPOINT is missing, usage: sievectl stat MOUNTPOINT [--json | -i "
			 "SECONDS [-c COUNT]]\n"},
		{"stat --json", "sievectl: MOUNTPOINT is missing, usage: sievectl stat MOUNTPOINT [--json | "
				"-i SECONDS [-c COUNT]]\n"},
		{"stat / --xml", "sievectl: --xml: unknown flag, usage: sievectl stat MOUNTPOINT [--json | "
				 "-i SECONDS [-c COUNT]]\n"},
		{"stat / /usr",
			"sievectl: /usr: unexpected argument, usage: sievectl stat MOUNTPOINT [--json "
			"| -i SECONDS [-c COUNT]]\n"},
		{"stat / -i",
			"sievectl: -i: takes a value, usage: sievectl stat MOUNTPOINT [--json | -i SECONDS "
			"[-c COUNT]]\n"},
		{"stat /proc -i 1 -c -1", "sievectl: /proc: not in a sievefs mount\n"},
		{"stat /proc -i=1", "sievectl: /proc: not in a sievefs mount\n"},
		{"stat / --json=1",
			"sievectl: --json=1: unknown flag, usage: sievectl stat MOUNTPOINT [--json | -i "
			"SECONDS [-c COUNT]]\n"},
		{"stat / --i 1",
			"sievectl: --i: unknown flag, usage: sievectl stat MOUNTPOINT [--json | -i SECONDS "
			"[-c COUNT]]\n"},
		{"top", "sievectl: MOUNTPOINT is missing, usage: sievectl top MOUNTPOINT [-i SECONDS]\n"},
		{"top /proc", "sievectl: /proc: not in a sievefs mount\n"},
		{"reload", "sievectl: MOUNTPOINT is missing, usage: sievectl reload MOUNTPOINT\n"},
		{"reload / --json", "sievectl: --json: unknown flag, usage: sievectl reload MOUNTPOINT\n"},
		{"reload / rules",
			"sievectl: rules: unexpected argument, usage: sievectl reload MOUNTPOINT\n"},
		{"flush / --left",
			"sievectl: --left: unknown flag, usage: sievectl flush PATH... [--wait]\n"},
		{"flush /proc --wait", "sievectl: /proc: not a file of a sievefs mount\n"},
		{"set", "sievectl: MOUNTPOINT is missing, usage: sievectl set MOUNTPOINT OPT=VALUE...\n"},
		{"set /proc log=info settle=0", "sievectl: /proc: not in a sievefs mount\n"},
		{"set /proc --json",
			"sievectl: --json: unknown flag, usage: sievectl set MOUNTPOINT OPT=VALUE...\n"},
		{"reload /proc", "sievectl: /proc: not in a sievefs mount\n"},
		{"stat -- --json", "sievectl: --json: No such file or directory\n"},
		{"stat /proc/self --json", "sievectl: /proc/self: not in a sievefs mount\n"},
		{"stat /nonexistent", "sievectl: /nonexistent: No such file or directory\n"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		struct outcome outcome = run(calls[i][0]);

		assert_true(WIFEXITED(outcome.status));
		assert_int_equal(WEXITSTATUS(outcome.status), 1);
		assert_string_equal(outcome.err, calls[i][1]);
		assert_string_equal(outcome.out, "");
		clear(&outcome);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_and_version_succeed),
		cmocka_unit_test(bad_calls_get_one_line_and_status_1),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s SIEVECTL\n", argv[0]);
		return 2;
	}
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
