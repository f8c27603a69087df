/* The choice of transport=, as a function of what the kernel, libfuse and SOURCE are. */
#include "fs/options/transport.h"

#include <errno.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Nothing stands in the way of io_uring but what a test changes. */
static struct transport_facts facts_of(enum option_transport option, uint32_t magic)
{
	return (struct transport_facts){
		.option = option,
		.source = fstype_find(magic),
		.libfuse_is_safe = true,
		.switched_on = true,
		.cpus = 2,
		.memory = 1ull << 30,
	};
}

static void assert_choice(const struct transport_facts *facts, bool uring, const char *reason)
{
	g_autofree char *why = NULL;
	bool chosen;

	assert_int_equal(transport_choose(facts, &chosen, &why), 0);
	assert_int_equal(chosen, uring);
	if (!strstr(why, reason))
		fail_msg("the reason does not say '%s': %s", reason, why);
}

static void assert_refused(const struct transport_facts *facts, const char *reason)
{
	g_autofree char *why = NULL;
	bool chosen;

	assert_int_equal(transport_choose(facts, &chosen, &why), -EOPNOTSUPP);
	assert_false(chosen);
	if (!strstr(why, reason))
		fail_msg("the reason does not say '%s': %s", reason, why);
}

static void auto_takes_io_uring_over_a_local_file_system(void **state)
{
	struct transport_facts ext4 = facts_of(TRANSPORT_AUTO, EXT4_SUPER_MAGIC);
	struct transport_facts tmpfs = facts_of(TRANSPORT_AUTO, TMPFS_MAGIC);

	assert_choice(&ext4, true, "is ext4, a local one");
	assert_choice(&tmpfs, true, "is tmpfs, a local one");
}

static void auto_takes_dev_fuse_where_source_may_wait_for_others(void **state)
{
	struct transport_facts nfs = facts_of(TRANSPORT_AUTO, NFS_SUPER_MAGIC);
	struct transport_facts fuse = facts_of(TRANSPORT_AUTO, FUSE_SUPER_MAGIC);
	struct transport_facts unknown = facts_of(TRANSPORT_AUTO, 0x12345678);

	assert_choice(&nfs, false, "is nfs, which may wait");
	assert_choice(&fuse, false, "is fuse, which may wait");
	assert_choice(&unknown, false, "is of an unknown type, which may wait");
}

static void auto_takes_dev_fuse_where_io_uring_cannot_be_had(void **state)
{
	struct transport_facts off = facts_of(TRANSPORT_AUTO, XFS_SUPER_MAGIC);
	struct transport_facts unsafe = off;

	off.switched_on = false;
	unsafe.libfuse_is_safe = false;
	assert_choice(&off, false, "echo Y > " TRANSPORT_URING_SWITCH);
	assert_choice(&unsafe, false, "loses replies");
}

/* Turning it on would change nothing. */
static void nobody_is_told_to_turn_on_what_would_not_be_taken(void **state)
{
	struct transport_facts facts = facts_of(TRANSPORT_AUTO, NFS_SUPER_MAGIC);

	facts.switched_on = false;
	assert_choice(&facts, false, "is nfs, which may wait");
}

static void what_was_asked_for_is_taken_over_any_file_system(void **state)
{
	struct transport_facts uring = facts_of(TRANSPORT_URING, NFS_SUPER_MAGIC);
	struct transport_facts dev = facts_of(TRANSPORT_DEV, EXT4_SUPER_MAGIC);

	assert_choice(&uring, true, "asked for");
	assert_choice(&dev, false, "asked for");
	dev.libfuse_is_safe = dev.switched_on = false;
	assert_choice(&dev, false, "asked for");
}

static void uring_is_refused_where_it_cannot_be_had(void **state)
{
	struct transport_facts off = facts_of(TRANSPORT_URING, EXT4_SUPER_MAGIC);
	struct transport_facts unsafe = off;

	off.switched_on = false;
	unsafe.libfuse_is_safe = false;
	assert_refused(&off, "echo Y > " TRANSPORT_URING_SWITCH);
	assert_refused(&unsafe, "loses replies");
}

static void queues_are_as_deep_as_an_eighth_of_memory_allows(void **state)
{
	static const struct {
		unsigned cpus, asked;
		uint64_t memory_mib;
		unsigned depth;
	} table[] = {
		{2, 0, 1024, 8},
		{2, 0, 128, 8},
		{2, 0, 127, 4},
		{2, 0, 64, 4},
		{2, 0, 32, 2},
		{2, 0, 1, 2},
		{2, 16, 64, 16},
		{8, 0, 512, 8},
		{9, 0, 65536, 4},
		{33, 0, 65536, 2},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		struct transport_facts facts = facts_of(TRANSPORT_AUTO, EXT4_SUPER_MAGIC);

		facts.cpus = table[i].cpus;
		facts.depth = table[i].asked;
		facts.memory = table[i].memory_mib << 20;
		assert_int_equal(transport_depth(&facts), table[i].depth);
	}
}

static void auto_takes_dev_fuse_where_the_queues_would_take_too_much_memory(void **state)
{
	struct transport_facts facts = facts_of(TRANSPORT_AUTO, EXT4_SUPER_MAGIC);

	facts.memory = 32ull << 20;
	assert_choice(&facts, true, "a local one");
	facts.memory--;
	assert_choice(&facts, false, "more than an eighth of memory");
	facts.depth = 2;
	assert_choice(&facts, true, "a local one");
	facts.depth = 0;
	facts.option = TRANSPORT_URING;
	assert_choice(&facts, true, "asked for");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_takes_io_uring_over_a_local_file_system),
		cmocka_unit_test(auto_takes_dev_fuse_where_source_may_wait_for_others),
		cmocka_unit_test(auto_takes_dev_fuse_where_io_uring_cannot_be_had),
		cmocka_unit_test(nobody_is_told_to_turn_on_what_would_not_be_taken),
		cmocka_unit_test(what_was_asked_for_is_taken_over_any_file_system),
		cmocka_unit_test(uring_is_refused_where_it_cannot_be_had),
		cmocka_unit_test(queues_are_as_deep_as_an_eighth_of_memory_allows),
		cmocka_unit_test(auto_takes_dev_fuse_where_the_queues_would_take_too_much_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
