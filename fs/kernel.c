#include "fs/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/backend.h"
#include "backends/fstype.h"
#include "cache/base/log.h"
#include "cache/store/charged.h"
#include "cache/store/store_pin.h"
#include "fs/options/store_choice.h"
#include "fs/options/transport.h"
#include "fs/server.h"
#include "fs/status.h"

static bool uring_is_on(void)
{
	char word[8] = "";
	FILE *f = fopen(TRANSPORT_URING_SWITCH, "re");

	if (!f)
		return false;
	if (!fgets(word, sizeof(word), f))
		word[0] = '\0';
	fclose(f);
	return word[0] == 'Y' || word[0] == '1';
}

int kernel_choose_transport(struct server *server)
{
	const char *source = server->options.source;
	struct transport_facts facts = {
		.option = server->options.transport,
		.libfuse_is_safe = LIBFUSE_URING_IS_SAFE,
		.switched_on = uring_is_on(),
		.cpus = (unsigned)get_nprocs_conf(),
		.depth = server->options.uring_depth,
		.memory = server->options.memory,
	};
	struct statfs fs;
	int r;

	if (statfs(source, &fs) < 0) {
		log_error("SOURCE %s: %s", source, strerror(errno));
		return -errno;
	}
	facts.source = fstype_find((uint32_t)fs.f_type);
	r = transport_choose(&facts, &server->uring, &server->transport_why);
	server->uring_depth = transport_depth(&facts);
	if (r < 0)
		log_error("transport=uring: %s", server->transport_why);
	return r;
}

static bool has_capability(cap_value_t capability)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t value = CAP_CLEAR;

	if (!caps)
		return false;
	cap_get_flag(caps, capability, CAP_EFFECTIVE, &value);
	cap_free(caps);
	return value == CAP_SET;
}

static bool is_stacked(const char *source)
{
	struct statfs fs;
	struct stat st;

	return statfs(source, &fs) == 0 && stat(source, &st) == 0 && major(st.st_dev) == 0 &&
	       fstype_find((uint32_t)fs.f_type)->may_be_stacked;
}

int kernel_choose_passthrough(struct server *server)
{
	server->stacked = is_stacked(server->options.source);
	server->passthrough = server->options.passthrough != PASSTHROUGH_OFF && has_capability(CAP_SYS_ADMIN);
	if (server->passthrough || server->options.passthrough == PASSTHROUGH_OFF)
		return 0;
	if (server->options.passthrough == PASSTHROUGH_ON) {
		log_error(
			"passthrough=on: needs CAP_SYS_ADMIN (root); without it use passthrough=auto or off");
		return -EPERM;
	}
	return 0;
}

/* The keepers' program is this one: see main(). */
int kernel_choose_store(struct server *server, struct store **store)
{
	const struct keepers_options keepers = {
		.program = "/proc/self/exe", .sandboxed = server->options.sandbox == SANDBOX_ON};
	struct store_facts facts = {
		.option = server->options.store, .may_lock = has_capability(CAP_IPC_LOCK)};
	struct statfs fs;
	int r;

	*store = NULL;
	if (statfs(server->options.source, &fs) < 0)
		return -errno;
	facts.source = fstype_find((uint32_t)fs.f_type);
	server->source_in_memory = facts.source->in_memory;
	r = store_choose(&facts, &server->pins, &server->store_why);
	if (r == 0 && server->pins) {
		facts.keepers_error = store_pin_new(store, &keepers);
		g_free(server->store_why);
		r = store_choose(&facts, &server->pins, &server->store_why);
	}
	if (r < 0)
		log_error("store=pin: %s", server->store_why);
	if (r == 0 && server->pins && charged_new(&server->charged) < 0)
		log_info("store: cannot find out which memory cgroup pays for a page; files are read again "
			 "before they are pinned");
	return r;
}

void kernel_say_what_is_missing(const struct server *server)
{
	const struct options *o = &server->options;

	if (o->warning)
		log_warning("%s", o->warning);
	if (o->transport == TRANSPORT_AUTO)
		log_write(server->uring ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "transport: %s; %s",
			server->uring ? "io_uring" : "/dev/fuse", server->transport_why);
	if (o->store == STORE_AUTO && !server->pins)
		log_info("store: copy; %s", server->store_why);
	if (!server->passthrough && o->passthrough == PASSTHROUGH_AUTO)
		log_info("passthrough: off, it needs CAP_SYS_ADMIN (root); the daemon serves all files, "
			 "several times slower than the lanes cached and plain");
	if (!tree_has_handles(server->tree))
		log_info("SOURCE %s: files cannot be opened by handle; they are reached by name, "
			 "which is slower",
			o->source);
}

void kernel_say_what_was_chosen(struct server *server)
{
	g_autoptr(GString) size = g_string_new(NULL), streams = g_string_new(NULL);
	struct options now; /* a copy, since live options may change by now */
	const struct options *o = &now;

	settings_read(server, &now);
	option_format(option_find(options_table(), "cache_size"), o, size);
	option_format(option_find(options_table(), "direct_memory"), o, streams);
	log_info("sievefs %s: %s is mounted at %s, pid %d", SIEVEFS_VERSION, o->source, o->mountpoint,
		(int)getpid());
	log_info("chosen: transport %s, passthrough %s, store %s in %s, cache_size %s, direct_memory %s, "
		 "engine %s",
		server->uring ? "uring" : "dev", server->passthrough ? "on" : "off",
		store_name(cache_store(server->cache)), status_store_name(server), size->str, streams->str,
		backend_engine_name(server->backend));
}
