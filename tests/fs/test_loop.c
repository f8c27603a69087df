/* Who carries out which request of /dev/fuse while SOURCE does not answer. The session is a socket. */
#include "fs/loop_impl.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/check.h"

#define MOST 2
#define REQUESTS 16
#define STEP_US 1000
#define STEPS 5000

/* What a request is, by its opcode. */
enum { NEEDS_NOTHING = FUSE_READ, NEEDS_SOURCE = FUSE_LOOKUP };

static int ours, of_session;
static _Atomic bool over;
static sem_t source; /* posted once for each request that SOURCE answers */
static _Atomic unsigned begun_count;
static _Atomic uint64_t begun[REQUESTS];
static _Atomic size_t refused_size; /* of memory that can't be had */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	return size == refused_size ? NULL : __real_malloc(size);
}

/* --- in place of libfuse, and of what a request needs ------------------------------------------------ */

int fuse_session_receive_buf(struct fuse_session *session, struct fuse_buf *buf)
{
	ssize_t n;

	if (!buf->mem)
		buf->mem = malloc(sizeof(struct fuse_in_header));
	n = recv(of_session, buf->mem, sizeof(struct fuse_in_header), 0);
	buf->size = n > 0 ? (size_t)n : 0;
	return n < 0 ? -errno : (int)n;
}

void fuse_session_process_buf(struct fuse_session *session, const struct fuse_buf *buf)
{
	const struct fuse_in_header *in = buf->mem;

	if (buf->size != sizeof(*in))
		abort(); /* cmocka's own are for its thread */
	begun[atomic_fetch_add(&begun_count, 1)] = in->unique;
	while (in->opcode == NEEDS_SOURCE && sem_wait(&source) < 0)
		;
}

int fuse_session_exited(struct fuse_session *session)
{
	return over;
}

void fuse_session_exit(struct fuse_session *session)
{
	over = true;
}

bool loop_may_wait(struct server *server, const struct fuse_in_header *in, size_t size)
{
	return in->opcode == NEEDS_SOURCE;
}

enum standing_kind loop_standing_of(const struct fuse_in_header *in)
{
	return STANDING_KINDS;
}

void loop_answer_standing(struct loop *loop, enum standing_kind kind, uint64_t unique)
{
	abort();
}

void tree_put(struct tree *tree, struct inode *inode, uint64_t nlookup)
{
	abort();
}

/* --- the tests --------------------------------------------------------------------------------------- */

static struct server server;
static struct loop *loop;
static pthread_t serving;

static void *serve(void *unused)
{
	return (void *)(intptr_t)loop_serve(loop);
}

static void ask(uint64_t unique, uint32_t opcode)
{
	const struct fuse_in_header in = {.len = sizeof(in), .opcode = opcode, .unique = unique, .nodeid = 2};

	assert_int_equal(send(ours, &in, sizeof(in), 0), sizeof(in));
}

static size_t aside_size(void)
{
	size_t size;

	lock_take(&loop->lock, LOCK_LOOP);
	size = loop->aside_size;
	lock_drop(&loop->lock, LOCK_LOOP);
	return size;
}

static bool is_idle(void)
{
	bool idle;

	lock_take(&loop->lock, LOCK_LOOP);
	idle = loop->idle_count == loop->thread_count;
	lock_drop(&loop->lock, LOCK_LOOP);
	return idle;
}

static void await_begun(unsigned count)
{
	for (int i = 0; i < STEPS && begun_count < count; i++)
		usleep(STEP_US);
	assert_int_equal(begun_count, count);
}

static void await_aside(unsigned count)
{
	for (int i = 0; i < STEPS && aside_size() != count * sizeof(struct fuse_in_header); i++)
		usleep(STEP_US);
	assert_int_equal(aside_size(), count * sizeof(struct fuse_in_header));
}

static void await_idle(void)
{
	for (int i = 0; i < STEPS && !is_idle(); i++)
		usleep(STEP_US);
	assert_true(is_idle());
}

static void answer(unsigned count)
{
	while (count--)
		sem_post(&source);
}

/* Requests 1 to MOST wait for SOURCE; request 0 was the first of all. */
static void start(size_t aside_max)
{
	const struct loop_settings settings = {.server = &server, .most = MOST, .aside_max = aside_max};
	int ends[2];

	assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), errno);
	ours = ends[0];
	of_session = ends[1];
	over = false;
	begun_count = 0;
	refused_size = 0;
	sem_init(&source, 0, 0);
	assert_int_equal(loop_new(&settings, &loop), 0);
	assert_int_equal(pthread_create(&serving, NULL, serve, NULL), 0);
	ask(0, NEEDS_NOTHING);
	await_begun(1);
	for (uint64_t i = 1; i <= MOST; i++) {
		ask(i, NEEDS_SOURCE);
		await_begun((unsigned)i + 1);
	}
}

/* All that was asked must have been answered. */
static void stop(void)
{
	void *r;

	over = true;
	loop_wake(loop);
	close(ours);
	pthread_join(serving, &r);
	assert_int_equal((intptr_t)r, 0);
	loop_free(loop);
	close(of_session);
	sem_destroy(&source);
}

static void requests_beyond_the_limit_are_carried_out_later_in_their_order(void **state)
{
	start(1 << 20);
	for (uint64_t i = MOST + 1; i <= MOST + 3; i++) {
		ask(i, NEEDS_SOURCE);
		await_aside((unsigned)i - MOST);
	}
	assert_int_equal(begun_count, 1 + MOST);
	for (unsigned i = 1; i <= 3; i++) {
		answer(1);
		await_begun(1 + MOST + i);
		assert_int_equal(begun[MOST + i], MOST + i);
	}
	await_aside(0);
	answer(MOST);
	stop();
}

static void what_needs_nothing_of_source_goes_on_beside_them(void **state)
{
	start(1 << 20);
	ask(MOST + 1, NEEDS_SOURCE);
	await_aside(1);
	for (unsigned i = 0; i < 5; i++) {
		ask(100 + i, NEEDS_NOTHING);
		await_begun(1 + MOST + 1 + i);
		assert_int_equal(begun[1 + MOST + i], 100 + i);
	}
	answer(MOST + 1);
	await_begun(1 + MOST + 5 + 1);
	stop();
}

/* But for one, which what needs nothing of SOURCE then has to itself. */
static void assert_taken_by_reserved_threads(void)
{
	for (unsigned i = 1; i < LOOP_RESERVED; i++) {
		ask(MOST + i, NEEDS_SOURCE);
		await_begun(1 + MOST + i);
		assert_int_equal(begun[MOST + i], MOST + i);
	}
	assert_int_equal(aside_size(), 0);
	ask(100, NEEDS_NOTHING);
	await_begun(1 + MOST + LOOP_RESERVED);
	answer(MOST + LOOP_RESERVED - 1);
}

static void a_request_that_finds_no_room_aside_takes_a_reserved_thread(void **state)
{
	start(sizeof(struct fuse_in_header) - 1);
	assert_taken_by_reserved_threads();
	stop();
}

static void a_request_that_finds_no_memory_to_be_put_aside_takes_a_reserved_thread(void **state)
{
	start(1 << 20);
	refused_size = sizeof(struct aside) + sizeof(struct fuse_in_header);
	assert_taken_by_reserved_threads();
	await_idle();
	refused_size = 0;
	begun_count = 0;
	for (unsigned i = 0; i < MOST; i++) {
		ask(200 + i, NEEDS_SOURCE);
		await_begun(1 + i);
	}
	ask(300, NEEDS_SOURCE);
	await_aside(1);
	answer(MOST + 1);
	await_begun(MOST + 1);
	stop();
}

static void what_is_aside_at_the_end_of_the_mount_is_freed(void **state)
{
	start(1 << 20);
	ask(MOST + 1, NEEDS_SOURCE);
	await_aside(1);
	over = true;
	answer(MOST);
	stop();
	assert_int_equal(begun_count, 1 + MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_beyond_the_limit_are_carried_out_later_in_their_order),
		cmocka_unit_test(what_needs_nothing_of_source_goes_on_beside_them),
		cmocka_unit_test(a_request_that_finds_no_room_aside_takes_a_reserved_thread),
		cmocka_unit_test(a_request_that_finds_no_memory_to_be_put_aside_takes_a_reserved_thread),
		cmocka_unit_test(what_is_aside_at_the_end_of_the_mount_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
