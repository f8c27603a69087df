/*
 * The command as a user meets it; its path is the first argument.
 */
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *program;
static char *trace;

struct answer {
	char *out, *err;
	int status;
};

static struct answer run(const char *arguments)
{
	g_autofree char *line = g_strdup_printf("%s %s %s", program, arguments, trace);
	struct answer answer;

	assert_true(g_spawn_command_line_sync(line, &answer.out, &answer.err, &answer.status, NULL));
	answer.status = WIFEXITED(answer.status) ? WEXITSTATUS(answer.status) : -1;
	return answer;
}

static void answer_free(struct answer *answer)
{
	g_free(answer->out);
	g_free(answer->err);
}

/* One line on stderr with these words, nothing on stdout, a non-zero exit. */
static void refuses(const char *arguments, const char *words)
{
	struct answer answer = run(arguments);

	assert_int_not_equal(answer.status, 0);
	assert_string_equal(answer.out, "");
	assert_ptr_equal(strchr(answer.err, '\n'), answer.err + strlen(answer.err) - 1);
	if (!strstr(answer.err, words))
		fail_msg("'%s' does not say '%s'", answer.err, words);
	answer_free(&answer);
}

static void bad_options_are_named(void **state)
{
	refuses("", "--sizes=LIST is missing");
	refuses("--sizes=1%,many", "'many' is neither bytes");
	refuses("--sizes=0", "'0' is too small");
	refuses("--sizes=5X", "'5X' is neither bytes");
	refuses("--sizes=1% --evict=sievee", "there is no policy 'sievee'; it takes all or a list of s3gd,");
	refuses("--sizes=1% --admit=-1", "--admit=-1: it takes");
	refuses("--sizes=1% --charge=blocks", "--charge=blocks: it takes bytes or pages");
	refuses("--sizes=1% --largest=200%", "--largest=200%: it takes");
	refuses("--sizes=1% --nonsense", "--nonsense");
}

static void a_table_has_a_row_for_each_policy(void **state)
{
	struct answer answer = run("--evict=all --sizes=40,1K,50%");

	assert_int_equal(answer.status, 0);
	assert_non_null(strstr(answer.out, "4 requests, 2 objects"));
	assert_non_null(strstr(answer.out, "| s3gd |"));
	assert_non_null(strstr(answer.out, "| lru | 1.0000 | 0.5000 |"));
	assert_non_null(strstr(answer.out, "object miss ratio at 40 | 1K | 50% |"));
	answer_free(&answer);
}

static void json_is_one_array_over_all_traces(void **state)
{
	const char *const keys[] = {"\"trace\": ", "\"policy\": \"lru\"", "\"cache_bytes\": 150",
		"\"requests\": 4", "\"objects\": 2", "\"object_miss_ratio\": 0.500000",
		"\"byte_miss_ratio\": 0.500000", "\"ns_per_request\": ", "\"most_examined\": "};
	g_autofree char *arguments = g_strdup_printf("--json --evict=lru --sizes=100%% %s", trace);
	struct answer answer = run(arguments);

	assert_int_equal(answer.status, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (!strstr(answer.out, keys[i]))
			fail_msg("no %s in %s", keys[i], answer.out);
	assert_true(g_str_has_prefix(answer.out, "[\n"));
	assert_true(g_str_has_suffix(answer.out, "}\n]\n"));
	assert_non_null(strstr(answer.out, "},\n  {"));
	answer_free(&answer);
}

static void a_malformed_trace_is_an_error(void **state)
{
	assert_true(g_file_set_contents(trace, "1,1,100\n2,2\n", -1, NULL));
	refuses("--sizes=100%", "record 2 (line 2) has 2 fields instead of time,id,size");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_options_are_named),
		cmocka_unit_test(a_table_has_a_row_for_each_policy),
		cmocka_unit_test(json_is_one_array_over_all_traces),
		cmocka_unit_test(a_malformed_trace_is_an_error),
	};
	int fd, r;

	program = argv[1];
	fd = g_file_open_tmp("sievefs-replay-XXXXXX.csv", &trace, NULL);
	if (argc != 2 || fd < 0 || close(fd))
		return 99;
	if (!g_file_set_contents(trace, "1,1,100\n2,2,50\n3,1,100\n4,2,50\n", -1, NULL))
		return 99;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(trace);
	g_free(trace);
	return r;
}
