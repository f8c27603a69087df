#include "fs/options/options.h"

#include "cache/policy/evict.h"
#include "fs/options/generic_options.h"
#include "fs/options/memory.h"
#include "fs/options/option_check.h"
#include "fs/options/option_value.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#define MIB (1ull << 20)

/* A number of seconds that no mount outlives. */
#define FOREVER_S 1000000000

static const char *const mid_names[] = {[OPT_MID_PLAIN] = "plain", [OPT_MID_DIRECT] = "direct", NULL};
static const char *const large_names[] = {
	[OPT_LARGE_STREAM] = "stream", [OPT_LARGE_DIRECT] = "direct", [OPT_LARGE_PLAIN] = "plain", NULL};
static const char *const store_names[] = {
	[STORE_AUTO] = "auto", [STORE_PIN] = "pin", [STORE_COPY] = "copy", NULL};
static const char *const write_names[] = {[WRITE_AROUND] = "around", NULL};
static const char *const coherence_names[] = {
	[COHERENCE_OPEN] = "open", [COHERENCE_EXCLUSIVE] = "exclusive", NULL};
static const char *const locks_names[] = {[LOCKS_SHARED] = "shared", [LOCKS_LOCAL] = "local", NULL};
static const char *const transport_names[] = {
	[TRANSPORT_AUTO] = "auto", [TRANSPORT_URING] = "uring", [TRANSPORT_DEV] = "dev", NULL};
static const char *const passthrough_names[] = {
	[PASSTHROUGH_AUTO] = "auto", [PASSTHROUGH_ON] = "on", [PASSTHROUGH_OFF] = "off", NULL};

static const char *evict_name(size_t i)
{
	return evict_catalogue[i] ? evict_policy_name(evict_catalogue[i]) : NULL;
}

static const char *const log_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
	NULL,
};

#define OPTION(word, kind, member, ...)                                                                      \
	{                                                                                                    \
		.name = word, .type = OPTION_##kind, .offset = offsetof(struct options, member), __VA_ARGS__ \
	}

/* clang-format off: a table reads by its columns */
static const struct option_row rows[] = {
	OPTION("cache_size", SIZE, cache_size, .min = MIB, .percent = true, .fallback = "10%",
		.help = "memory for cached files"),
	OPTION("cache_min", SIZE, cache_min, .percent = true, .fallback = "0",
		.help = "what the cache keeps when memory is short"),
	OPTION("memory_floor", SIZE, memory_floor, .percent = true, .fallback = "5%",
		.help = "available memory below which the cache shrinks; 0 = never"),
	OPTION("small_max", SIZE, small_max, .min = 1, .fallback = "1M",
		.help = "largest file that may be cached"),
	OPTION("large_min", SIZE, large_min, .min = 1, .fallback = "32M",
		.help = "from this size on a file is large"),
	OPTION("rules", PATH, rules, .help = "file with rules for particular files"),
	OPTION("admit", UINT, admit, .max = 15, .fallback = "2", /* the ghost list counts no further */
		.help = "opens before a file is cached; 0 = never"),
	OPTION("store", CHOICE, store, .choices = store_names, .fallback = "auto",
		.help = "how cached files are kept: their pages pinned, or copied"),
	OPTION("settle", DURATION, settle_ms, .max = 86400000, .fallback = "2s",
		.help = "how long a file must have been unchanged to be cached"),
	OPTION("evict", CHOICE, evict, .choice_at = evict_name, .help = "which file leaves a full cache"),
	OPTION("mid", CHOICE, mid, .choices = mid_names, .fallback = "plain",
		.help = "lane of files between small_max and large_min"),
	OPTION("large", CHOICE, large, .choices = large_names, .fallback = "stream",
		.help = "lane of files from large_min on"),
	OPTION("stream_after", SIZE, stream_after, .fallback = "256K", .max = 1ULL << 30,
		.help = "bytes read in order that make a stream (large=stream)"),
	OPTION("stream_gap", SIZE, stream_gap, .fallback = "128K", .max = 1ULL << 30,
		.help = "bytes that a reader may skip and still be in order"),
	OPTION("direct_readahead", SIZE, direct_readahead, .max = 64 * MIB, .fallback = "8M",
		.help = "most a direct stream reads ahead; 0 = nothing"),
	OPTION("direct_depth", UINT, direct_depth, .min = 1, .max = 64, .fallback = "8",
		.help = "requests a direct stream keeps in flight"),
	OPTION("direct_memory", SIZE, direct_memory, .min = MIB, .percent = true, .fallback = "64M",
		.help = "memory for all direct streams together"),
	OPTION("write", CHOICE, write, .choices = write_names, .fallback = "around",
		.help = "how writes meet the cache"),
	OPTION("coherence", CHOICE, coherence, .choices = coherence_names, .fallback = "open",
		.help = "who else may change SOURCE"),
	OPTION("locks", CHOICE, locks, .choices = locks_names, .fallback = "shared",
		.help = "who shares the locks of files"),
	OPTION("attr_timeout", SECONDS, attr_timeout_s, .max = FOREVER_S, .fallback = "1",
		.help = "how long the kernel may keep attributes"),
	OPTION("entry_timeout", SECONDS, entry_timeout_s, .max = FOREVER_S, .fallback = "1",
		.help = "how long the kernel may keep names"),
	OPTION("negative_timeout", SECONDS, negative_timeout_s, .max = FOREVER_S, .fallback = "0",
		.help = "how long the kernel may keep that a name is missing"),
	OPTION("transport", CHOICE, transport, .choices = transport_names, .fallback = "auto",
		.help = "how requests come from the kernel"),
	OPTION("uring_depth", UINT, uring_depth, .max = 1024, .fallback = "0",
		.help = "requests per io_uring queue; 0 = by the host"),
	OPTION("max_read", SIZE, max_read, .min = 4096, .max = OPTIONS_MAX_READ, .fallback = "256K",
		.help = "largest read that the kernel asks for at once"),
	OPTION("passthrough", CHOICE, passthrough, .choices = passthrough_names, .fallback = "auto",
		.help = "let the kernel move the bytes"),
	OPTION("log", CHOICE, log, .choices = log_names, .fallback = "info",
		.help = "least urgent message that is logged"),
};
/* clang-format on */

static const struct option_table table = {rows, G_N_ELEMENTS(rows)};

const struct option_table *options_table(void)
{
	return &table;
}

/* What a parse needs beside its result. */
struct parse {
	struct options *options;
	uint64_t memory;
	char **error;
};

__attribute__((format(printf, 2, 3))) static int fail(char **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*error = g_strdup_vprintf(format, args);
	va_end(args);
	return -EINVAL;
}

void options_init(struct options *options)
{
	*options = (struct options){.kernel_options = g_string_new(NULL), .generic = g_string_new(NULL)};
}

void options_deinit(struct options *options)
{
	option_table_clear(&table, options);
	g_clear_pointer(&options->warning, g_free);
	g_clear_pointer(&options->source, g_free);
	g_clear_pointer(&options->mountpoint, g_free);
	if (options->kernel_options)
		g_string_free(g_steal_pointer(&options->kernel_options), TRUE);
	if (options->generic)
		g_string_free(g_steal_pointer(&options->generic), TRUE);
}

static int refuse_unknown(const char *name, char **error)
{
	const char *nearest = NULL;
	size_t best = MAX(2, strlen(name) / 3) + 1;

	for (size_t i = 0; i < table.row_count + generic_option_count(); i++) {
		const char *candidate =
			i < table.row_count ? rows[i].name : generic_option_name(i - table.row_count);
		size_t distance = option_distance(name, candidate);

		if (distance < best && distance < strlen(candidate)) {
			best = distance;
			nearest = candidate;
		}
	}
	if (nearest)
		return fail(error, "%s: unknown option, did you mean %s?", name, nearest);
	return fail(error, "%s: unknown option, sievefs -h lists them", name);
}

static void append_word(GString *list, const char *word)
{
	if (list->len > 0)
		g_string_append_c(list, ',');
	value_append_escaped(list, word);
}

static void keep_generic(struct options *options, const char *text)
{
	options->generic_flags = generic_option_flags(options->generic_flags, text);
	/* not for libfuse, which leaves it to a fusermount3 that may not know it */
	if (strcmp(text, "auto_unmount") == 0) {
		options->auto_unmount = true;
		return;
	}
	append_word(options->kernel_options, text);
}

static int set_option(struct parse *parse, const char *text)
{
	const char *equals = strchr(text, '=');
	g_autofree char *name = equals ? g_strndup(text, equals - text) : g_strdup(text);
	const struct option_row *row = option_find(&table, name);
	int r;

	if (!row && strcmp(text, "remount") == 0) {
		if (parse->options->action == OPTIONS_MOUNT)
			parse->options->action = OPTIONS_REMOUNT;
		return 0;
	}
	if (row) {
		r = option_set(row, parse->options, equals ? equals + 1 : NULL, parse->memory, parse->error);
		parse->options->given |= 1ull << (row - rows);
		return r;
	}
	append_word(parse->options->generic, text);
	switch (generic_option_use(name, equals != NULL)) {
	case GENERIC_FOR_KERNEL:
		keep_generic(parse->options, text);
		return 0;
	case GENERIC_IGNORED:
		return 0;
	case GENERIC_NEEDS_VALUE:
		return fail(parse->error, "%s: takes a value, %s=VALUE", text, name);
	case GENERIC_TAKES_NO_VALUE:
		return fail(parse->error, "%s: takes no value", text);
	case GENERIC_UNKNOWN:
		break;
	}
	return refuse_unknown(name, parse->error);
}

/* Splits at commas; "\," is a comma in a value and "\\" a backslash. Empty pieces, as mount(8) leaves them,
 * are nothing. */
static int set_option_list(struct parse *parse, const char *list)
{
	g_autoptr(GString) piece = g_string_new(NULL);
	int r = 0;

	for (;; list++) {
		if (*list == '\\' && (list[1] == ',' || list[1] == '\\')) {
			g_string_append_c(piece, *++list);
			continue;
		}
		if (*list && *list != ',') {
			g_string_append_c(piece, *list);
			continue;
		}
		if (piece->len > 0)
			r = set_option(parse, piece->str);
		if (r < 0 || !*list)
			return r;
		g_string_truncate(piece, 0);
	}
}

static void append_conflict(const struct options *options, const char *name, GString *line)
{
	g_string_append_printf(line, "%s=", name);
	option_format(option_find(&table, name), options, line);
}

static int refuse_pair(
	const struct options *options, const char *a, const char *b, const char *why, char **error)
{
	GString *line = g_string_new(NULL);

	append_conflict(options, a, line);
	g_string_append_printf(line, " and ");
	append_conflict(options, b, line);
	g_string_append_printf(line, ": %s", why);
	*error = g_string_free(line, FALSE);
	return -EINVAL;
}

static int check_contradictions(const struct options *options, char **error)
{
	if (options->small_max > options->large_min)
		return refuse_pair(options, "small_max", "large_min",
			"small_max takes at most large_min, or a file would be both small and large", error);
	if (options->cache_size / EVICT_LARGEST_PART < options->small_max)
		return refuse_pair(options, "small_max", "cache_size",
			"small_max takes at most an eighth of cache_size, since no file may take more of it",
			error);
	if (options->cache_min > options->cache_size)
		return refuse_pair(
			options, "cache_min", "cache_size", "cache_min takes at most cache_size", error);
	if (options->direct_readahead > options->direct_memory)
		return refuse_pair(options, "direct_readahead", "direct_memory",
			"direct_readahead takes at most direct_memory", error);
	if (options->locks == LOCKS_SHARED && options->coherence == COHERENCE_EXCLUSIVE)
		return refuse_pair(options, "locks", "coherence",
			"locks=shared takes coherence=open, with exclusive there is nobody to share them "
			"with",
			error);
	return 0;
}

static bool is_given(const struct options *options, const struct option_row *row)
{
	return options->given & 1ull << (row - rows);
}

static bool is_name_given(const struct options *options, const char *name)
{
	return is_given(options, option_find(&table, name));
}

/* A default is no wish: it gives way to what was given. */
static void fit_defaults(struct options *options)
{
	uint64_t largest = options->cache_size / EVICT_LARGEST_PART;

	if (!is_name_given(options, "direct_memory"))
		options->direct_memory = CLAMP(options->memory / 8, MIB, options->direct_memory);
	if (options->small_max > largest && !is_name_given(options, "small_max"))
		options->small_max = largest;
	if (options->direct_readahead > options->direct_memory && !is_name_given(options, "direct_readahead"))
		options->direct_readahead = options->direct_memory;
	if (options->coherence == COHERENCE_EXCLUSIVE && !is_name_given(options, "locks"))
		options->locks = LOCKS_LOCAL;
}

/* With nobody else at SOURCE the kernel may keep for good what the operator did not limit. */
static void lengthen_timeouts(struct options *options)
{
	for (size_t i = 0; i < table.row_count; i++) {
		if (rows[i].type == OPTION_SECONDS && !is_given(options, &rows[i]))
			*(double *)((char *)options + rows[i].offset) = FOREVER_S;
	}
}

static bool is_mount_helper(const char *program)
{
	const char *slash = strrchr(program, '/');

	return g_str_has_prefix(slash ? slash + 1 : program, "mount.");
}

static int refuse_flag(int argc, char **argv, int flag, char **error)
{
	const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";

	if (flag == ':' && optopt)
		return fail(error, "-%c: takes a value", optopt);
	if (optopt)
		return fail(error, "-%c: unknown flag, sievefs -h lists them", optopt);
	return fail(error, "%s: unknown flag, sievefs -h lists them", word);
}

/* One flag of getopt's; the flags of mount's helpers are those of `man 8 mount`, EXTERNAL HELPERS. */
static int take_flag(struct parse *parse, int flag, bool helper)
{
	struct options *options = parse->options;

	switch (flag) {
	case 'o':
		return set_option_list(parse, optarg);
	case 'f':
		if (helper)
			options->action = OPTIONS_CHECK;
		else
			options->foreground = true;
		return 0;
	case 'd':
		options->debug = true;
		return 0;
	case 'h':
		options->action = OPTIONS_HELP;
		return 0;
	case 'V':
		options->action = OPTIONS_VERSION;
		return 0;
	default:
		return 0; /* -n, -s, -v, -t and -N of mount(8) change nothing here */
	}
}

static int take_flags(struct parse *parse, int argc, char **argv)
{
	static const struct option long_flags[] = {
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {NULL}};
	bool helper = is_mount_helper(argv[0]);
	int flag, r;

	optind = 0; /* GNU: start anew, also after a parse that ended early */
	opterr = 0;
	while ((flag = getopt_long(argc, argv, helper ? ":o:fhVnsvt:N:" : ":o:fdhV", long_flags, NULL)) !=
		-1) {
		if (flag == '?' || flag == ':')
			return refuse_flag(argc, argv, flag, parse->error);
		r = take_flag(parse, flag, helper);
		if (r < 0)
			return r;
		if (parse->options->action == OPTIONS_HELP || parse->options->action == OPTIONS_VERSION)
			return 0;
	}
	return 0;
}

static int take_operands(struct parse *parse, int argc, char **argv)
{
	static const char *const names[] = {"SOURCE", "MOUNTPOINT"};
	char **operand[] = {&parse->options->source, &parse->options->mountpoint};

	for (int i = 0; i < 2; i++) {
		if (optind + i >= argc)
			return fail(parse->error,
				"%s is missing: sievefs [-o OPT[=VALUE],...] SOURCE MOUNTPOINT", names[i]);
		if (!*argv[optind + i])
			return fail(parse->error, "%s is empty: takes a directory", names[i]);
		g_free(*operand[i]);
		*operand[i] = g_strdup(argv[optind + i]);
	}
	if (optind + 2 < argc)
		return fail(parse->error, "%s: one operand too many behind SOURCE and MOUNTPOINT",
			argv[optind + 2]);
	return 0;
}

int options_read(struct options *options, int argc, char **argv, uint64_t memory, char **error)
{
	struct parse parse = {.options = options, .memory = memory, .error = error};
	int r;

	options->memory = memory ? memory : UINT64_MAX; /* 0: not known */
	option_table_set_fallbacks(&table, options, memory);
	r = take_flags(&parse, argc, argv);
	if (r < 0 || options->action == OPTIONS_HELP || options->action == OPTIONS_VERSION)
		return r;
	r = take_operands(&parse, argc, argv);
	if (r < 0)
		return r;
	if (options->coherence == COHERENCE_EXCLUSIVE)
		lengthen_timeouts(options);
	if (options->debug) {
		options->foreground = true;
		options->log = LOG_LEVEL_DEBUG;
	}
	fit_defaults(options);
	options->warning = option_check_memory(options->cache_size, options->memory_floor, memory);
	return check_contradictions(options, error);
}

int options_parse(struct options *options, int argc, char **argv, char **error)
{
	int r = options_read(options, argc, argv, memory_total(""), error);

	if (r < 0 || options->action == OPTIONS_HELP || options->action == OPTIONS_VERSION)
		return r;
	if (options->action == OPTIONS_REMOUNT)
		return 0; /* of its paths the mount itself knows more */
	r = option_check_directory("SOURCE", &options->source, R_OK | X_OK, error);
	if (r < 0)
		return r;
	r = option_check_directory("MOUNTPOINT", &options->mountpoint, F_OK, error);
	if (r < 0 || !options->rules)
		return r;
	return option_check_rules(&options->rules, options->mountpoint, error);
}
