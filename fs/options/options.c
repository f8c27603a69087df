#include "fs/options/options.h"

#include "fs/options/generic_options.h"
#include "fs/options/memory.h"
#include "fs/options/option_check.h"
#include "fs/options/option_value.h"
#include "fs/options/options_together.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

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
	option_table_clear(options_table(), options);
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
	const struct option_table *table = options_table();
	const char *nearest = NULL;
	size_t best = MAX(2, strlen(name) / 3) + 1;

	for (size_t i = 0; i < table->row_count + generic_option_count(); i++) {
		const char *candidate = i < table->row_count ? table->rows[i].name
							     : generic_option_name(i - table->row_count);
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
	/* not for libfuse, which would pass it to a fusermount3 that may not know it */
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
	const struct option_row *row = option_find(options_table(), name);
	int r;

	if (!row && strcmp(text, "remount") == 0) {
		if (parse->options->action == OPTIONS_MOUNT)
			parse->options->action = OPTIONS_REMOUNT;
		return 0;
	}
	if (row) {
		r = option_set(row, parse->options, equals ? equals + 1 : NULL, parse->memory, parse->error);
		parse->options->given |= 1ull << (row - options_table()->rows);
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
 * are ignored. */
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

int options_read_list(struct options *options, const char *list, uint64_t memory, char **error)
{
	struct parse parse = {.options = options, .memory = memory, .error = error};

	return set_option_list(&parse, list);
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

/* Handles one flag from getopt. The flags of mount's helpers are those in mount(8), EXTERNAL HELPERS. */
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
		return fail(parse->error, "%s: one operand too many after SOURCE and MOUNTPOINT",
			argv[optind + 2]);
	return 0;
}

int options_read(struct options *options, int argc, char **argv, uint64_t memory, char **error)
{
	struct parse parse = {.options = options, .memory = memory, .error = error};
	int r;

	options->memory = memory ? memory : UINT64_MAX; /* 0: not known */
	option_table_set_fallbacks(options_table(), options, memory);
	r = take_flags(&parse, argc, argv);
	if (r < 0 || options->action == OPTIONS_HELP || options->action == OPTIONS_VERSION)
		return r;
	r = take_operands(&parse, argc, argv);
	if (r < 0)
		return r;
	if (options->debug) {
		options->foreground = true;
		options->log = LOG_LEVEL_DEBUG;
	}
	options_fit_defaults(options);
	if (options->action == OPTIONS_REMOUNT)
		return 0; /* options that are not given keep the mount's values instead of defaults */
	options->warning = option_check_memory(options->cache_size, options->memory_floor, memory);
	return options_check_together(options, error);
}

int options_parse(struct options *options, int argc, char **argv, char **error)
{
	int r = options_read(options, argc, argv, memory_total(""), error);

	if (r < 0 || options->action == OPTIONS_HELP || options->action == OPTIONS_VERSION)
		return r;
	if (options->action == OPTIONS_REMOUNT)
		return 0; /* fs/remount.c checks the paths */
	r = option_check_directory("SOURCE", &options->source, R_OK | X_OK, error);
	if (r < 0)
		return r;
	r = option_check_directory("MOUNTPOINT", &options->mountpoint, F_OK, error);
	if (r == 0 && options->rules)
		r = option_check_rules(&options->rules, options->mountpoint, error);
	if (r == 0 && options->pins)
		r = option_check_pins(&options->pins, options->mountpoint, error);
	if (r == 0 && options->metrics)
		r = option_check_metrics(&options->metrics, options->mountpoint, error);
	return r;
}
