/* The metrics over HTTP: real sockets, and clients that misbehave. */
#include "fs/control/exporter.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define SOON_MS 300
#define LONG_MS 10000
#define GET "GET /metrics HTTP/1.1\r\nHost: here\r\n"

struct place {
	char *folder, *path, *address;
};

static int make_place(void **state)
{
	struct place *place = g_new0(struct place, 1);

	place->folder = g_dir_make_tmp("sievefs-exporter-XXXXXX", NULL);
	place->path = g_build_filename(place->folder, "socket", NULL);
	place->address = g_strconcat("unix:", place->path, NULL);
	umask(0); /* as the daemon's is */
	*state = place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	int r;

	unlink(place->path);
	r = rmdir(place->folder); /* nothing else is left behind */
	g_free(place->folder);
	g_free(place->path);
	g_free(place->address);
	g_free(place);
	return r;
}

static void render(void *context, GString *out)
{
	g_string_append(out, context);
}

static char text[] = "sievefs_up 1\n# EOF\n";

static int start(const char *address, unsigned idle_s, struct exporter **exporter, char **error)
{
	const struct exporter_settings settings = {
		.address = address, .idle_s = idle_s, .render = render, .context = text};

	*exporter = NULL;
	*error = NULL;
	return exporter_new(&settings, exporter, error);
}

static struct exporter *start_well(const char *address, unsigned idle_s)
{
	struct exporter *exporter;
	char *error;
	int r = start(address, idle_s, &exporter, &error);

	if (r < 0)
		fail_msg("%s", error);
	return exporter;
}

static void refuse(const char *address, int expected, const char *reason)
{
	g_autofree char *line = g_strdup_printf("metrics=%s: %s", address, reason);
	g_autofree char *error = NULL;
	struct exporter *exporter;

	assert_int_equal(start(address, 1, &exporter, &error), expected);
	assert_null(exporter);
	assert_string_equal(error, line);
}

static int make_socket(const char *path, bool listens)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	if (listens)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int connect_to(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static void say(int fd, const char *words)
{
	assert_int_equal(send(fd, words, strlen(words), MSG_NOSIGNAL), strlen(words));
}

/* Whether bytes, or the end, came within that time. */
static bool comes(int fd, int ms)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	return poll(&ready, 1, ms) == 1;
}

/* All until the server ends the connection. */
static char *read_all(int fd)
{
	GString *answer = g_string_new(NULL);
	char bytes[4096];
	ssize_t n = 1;

	while (n > 0 && comes(fd, LONG_MS)) {
		n = read(fd, bytes, sizeof(bytes));
		g_string_append_len(answer, bytes, MAX(n, 0));
	}
	assert_int_equal(n, 0);
	close(fd);
	return g_string_free(answer, FALSE);
}

static char *ask(const char *path, const char *request)
{
	int fd = connect_to(path);

	say(fd, request);
	return read_all(fd);
}

static void assert_answer(const char *path, const char *request, const char *status, const char *const *has)
{
	g_autofree char *answer = ask(path, request);

	if (!g_str_has_prefix(answer, status))
		fail_msg("not %s: %s", status, answer);
	for (; *has; has++) {
		if (!strstr(answer, *has))
			fail_msg("lacks \"%s\": %s", *has, answer);
	}
}

static void metrics_come_with_their_type_and_nothing_else_is_there(void **state)
{
	static const char type[] =
		"\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
	const struct place *place = *state;
	struct exporter *exporter = start_well(place->address, 10);
	g_autofree char *head = NULL;

	assert_answer(place->path, GET "Connection: close\r\n\r\n", "HTTP/1.1 200 ",
		(const char *const[]){type, "\r\n\r\nsievefs_up 1\n# EOF\n", NULL});
	assert_answer(place->path, "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
		"HTTP/1.1 404 ", (const char *const[]){"The metrics are at /metrics.\n", NULL});
	assert_answer(place->path, "GET /metrics/ HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
		"HTTP/1.1 404 ", (const char *const[]){NULL});
	assert_answer(place->path,
		"POST /metrics HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 405 ", (const char *const[]){"\r\nAllow: GET, HEAD\r\n", NULL});
	head = ask(place->path, "HEAD /metrics HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
	assert_true(g_str_has_prefix(head, "HTTP/1.1 200 "));
	assert_non_null(strstr(head, type));
	assert_true(g_str_has_suffix(head, "\r\n\r\n"));
	exporter_free(exporter);
}

static void a_connection_serves_several_requests(void **state)
{
	const struct place *place = *state;
	struct exporter *exporter = start_well(place->address, 10);
	int fd = connect_to(place->path);
	g_autofree char *answer = NULL;

	say(fd, GET "\r\n" GET "\r\n" GET "Connection: close\r\n\r\n");
	answer = read_all(fd);
	for (int i = 0; i < 3; i++) {
		char *end = strstr(answer, "# EOF\n");

		assert_non_null(end);
		*end = '.';
	}
	exporter_free(exporter);
}

static void a_request_that_is_too_long_is_refused(void **state)
{
	const struct place *place = *state;
	struct exporter *exporter = start_well(place->address, 10);
	g_autofree char *filler = g_strnfill(100000, 'x');
	g_autofree char *request = g_strconcat("GET /", filler, " HTTP/1.1\r\n\r\n", NULL), *answer = NULL;
	int fd = connect_to(place->path);
	char bytes[16] = "";

	send(fd, request, strlen(request), MSG_NOSIGNAL); /* it may close before it has read all */
	assert_true(comes(fd, LONG_MS));
	assert_true(read(fd, bytes, sizeof(bytes) - 1) <= 0 || g_str_has_prefix(bytes, "HTTP/1.1 4"));
	close(fd);
	answer = ask(place->path, GET "Connection: close\r\n\r\n");
	assert_true(g_str_has_prefix(answer, "HTTP/1.1 200 "));
	exporter_free(exporter);
}

/* The next one waits, and has its answer when one of them ends. */
static void connections_are_few(void **state)
{
	const struct place *place = *state;
	struct exporter *exporter = start_well(place->address, 60);
	int idle[EXPORTER_CONNECTIONS], fd;
	g_autofree char *answer = NULL;

	for (int i = 0; i < EXPORTER_CONNECTIONS; i++)
		idle[i] = connect_to(place->path);
	fd = connect_to(place->path);
	say(fd, GET "Connection: close\r\n\r\n");
	assert_false(comes(fd, SOON_MS));
	close(idle[0]);
	answer = read_all(fd);
	assert_true(g_str_has_prefix(answer, "HTTP/1.1 200 "));
	for (int i = 1; i < EXPORTER_CONNECTIONS; i++)
		close(idle[i]);
	exporter_free(exporter);
}

static void an_idle_connection_ends(void **state)
{
	const struct place *place = *state;
	struct exporter *exporter = start_well(place->address, 1);
	int silent = connect_to(place->path), half = connect_to(place->path);
	g_autofree char *nothing = NULL, *little = NULL;

	say(half, "GET /met");
	assert_false(comes(silent, SOON_MS));
	nothing = read_all(silent);
	assert_string_equal(nothing, "");
	little = read_all(half);
	assert_null(strstr(little, "# EOF"));
	exporter_free(exporter);
}

static void the_end_does_not_wait_for_connections(void **state)
{
	const struct place *place = *state;
	struct exporter *exporter = start_well(place->address, 60);
	int fd = connect_to(place->path);
	char byte;

	say(fd, GET);
	exporter_free(exporter);
	assert_true(comes(fd, LONG_MS));
	assert_true(read(fd, &byte, 1) <= 0);
	close(fd);
}

static void a_socket_is_for_user_and_group_and_goes_with_the_exporter(void **state)
{
	const struct place *place = *state;
	struct exporter *exporter = start_well(place->address, 10);
	struct stat st;

	assert_int_equal(lstat(place->path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0660);
	exporter_free(exporter);
	assert_int_equal(lstat(place->path, &st), -1);
	exporter_free(NULL);
}

static void a_stale_socket_is_replaced(void **state)
{
	const struct place *place = *state;
	struct exporter *exporter;
	g_autofree char *answer = NULL;

	close(make_socket(place->path, true));
	exporter = start_well(place->address, 10);
	answer = ask(place->path, GET "Connection: close\r\n\r\n");
	assert_true(g_str_has_prefix(answer, "HTTP/1.1 200 "));
	exporter_free(exporter);
}

static void what_others_use_stays(void **state)
{
	const struct place *place = *state;
	int live = make_socket(place->path, true);
	struct stat before, after;
	g_autofree char *reason = g_strdup_printf("%s exists and is not a socket", place->path);

	assert_int_equal(lstat(place->path, &before), 0);
	refuse(place->address, -EADDRINUSE, "another process listens there already");
	assert_int_equal(lstat(place->path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	close(live);
	unlink(place->path);
	assert_true(g_file_set_contents(place->path, "kept", -1, NULL));
	refuse(place->address, -EEXIST, reason);
	assert_int_equal(lstat(place->path, &after), 0);
	assert_int_equal(after.st_size, 4);
}

static void at_the_end_anothers_socket_stays(void **state)
{
	const struct place *place = *state;
	struct exporter *exporter = start_well(place->address, 10);
	struct stat st;
	int other;

	unlink(place->path);
	other = make_socket(place->path, false);
	exporter_free(exporter);
	assert_int_equal(lstat(place->path, &st), 0);
	close(other);
}

static void *stop_later(void *exporter)
{
	g_usleep(SOON_MS * 1000);
	exporter_free(exporter);
	return NULL;
}

/* An unmount returns a little before its daemon has ended. */
static void a_mount_that_ends_is_waited_for(void **state)
{
	const struct place *place = *state;
	struct exporter *before = start_well(place->address, 10), *after;
	GThread *stopper = g_thread_new("stopper", stop_later, before);

	after = start_well(place->address, 10);
	g_thread_join(stopper);
	assert_int_equal(access(place->path, F_OK), 0);
	exporter_free(after);
}

static void a_port_in_use_is_refused(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(in);
	int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	g_autofree char *address = NULL, *answer = NULL;
	struct exporter *exporter;

	assert_int_equal(bind(other, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(other, 1), 0);
	assert_int_equal(getsockname(other, (struct sockaddr *)&in, &length), 0);
	address = g_strdup_printf("127.0.0.1:%d", ntohs(in.sin_port));
	refuse(address, -EADDRINUSE, "another process listens there already");
	close(other);
	exporter = start_well(address, 10);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	say(fd, GET "Connection: close\r\n\r\n");
	answer = read_all(fd);
	assert_non_null(strstr(answer, "# EOF\n"));
	exporter_free(exporter);
	/* connections that linger do not keep the next mount from that port */
	exporter_free(start_well(address, 10));
}

#define test_in_place(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_in_place(metrics_come_with_their_type_and_nothing_else_is_there),
		test_in_place(a_connection_serves_several_requests),
		test_in_place(a_request_that_is_too_long_is_refused),
		test_in_place(connections_are_few),
		test_in_place(an_idle_connection_ends),
		test_in_place(the_end_does_not_wait_for_connections),
		test_in_place(a_socket_is_for_user_and_group_and_goes_with_the_exporter),
		test_in_place(a_stale_socket_is_replaced),
		test_in_place(what_others_use_stays),
		test_in_place(at_the_end_anothers_socket_stays),
		test_in_place(a_mount_that_ends_is_waited_for),
		cmocka_unit_test(a_port_in_use_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
