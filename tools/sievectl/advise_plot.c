#include "tools/sievectl/advise_plot.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024.0 * 1024.0)

static void append_points(GString *script, const struct advise_point *points, size_t count)
{
	g_string_append(script, "$points << END\n");
	for (size_t i = 0; i < count; i++)
		g_string_append_printf(script, "%.6f %.4f %.4f\n", (double)points[i].cache_size / MIB,
			100 * points[i].hit_ratio, 100 * points[i].byte_hit_ratio);
	g_string_append(script, "END\n");
}

/* In single quotes, since gnuplot interprets escapes in double quotes. */
static void append_string(GString *script, const char *text)
{
	g_string_append_c(script, '\'');
	for (; *text; text++)
		g_string_append(script, *text == '\'' ? "''" : (char[]){*text == '\n' ? ' ' : *text, 0});
	g_string_append_c(script, '\'');
}

static GString *make_script(const struct advise_point *points, size_t count, uint64_t now, const char *title)
{
	GString *script = g_string_new("set terminal svg size 800,500 background 'white'\n");

	append_points(script, points, count);
	g_string_append(script, "set title ");
	append_string(script, title);
	g_string_append_printf(script,
		" noenhanced\n"
		"set xlabel 'cache size, MiB'\nset ylabel 'hit ratio, %%'\n"
		"set logscale x 2\nset yrange [0:100]\nset grid\nset key bottom right\n"
		"set arrow from %.6f, graph 0 to %.6f, graph 1 nohead dashtype 2\n"
		"plot $points using 1:2 with linespoints title 'opens', "
		"$points using 1:3 with linespoints title 'bytes'\n",
		(double)now / MIB, (double)now / MIB);
	return script;
}

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "sievectl: %s: %s\n", what, why);
	return 1;
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t n = write(fd, text, length);

		if (n < 0)
			return -errno;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

/* A file without a name, which gnuplot reads: a pipe would raise SIGPIPE here if gnuplot ended early. */
static int open_script(const GString *script)
{
	int fd = open(g_get_tmp_dir(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, script->str, script->len);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int run_gnuplot(int script, int svg)
{
	const char *const argv[] = {"gnuplot", "-", NULL};
	g_autoptr(GError) error = NULL;
	int status;
	pid_t pid;

	if (!g_spawn_async_with_fds(NULL, (char **)argv, NULL,
		    G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, script, svg, -1,
		    &error))
		return complain("gnuplot", error->message);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return complain("gnuplot", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return complain("gnuplot", "it failed, see above");
	return 0;
}

int advise_plot_svg(
	const char *file, const struct advise_point *points, size_t count, uint64_t now, const char *title)
{
	g_autofree char *gnuplot = g_find_program_in_path("gnuplot");
	GString *text;
	int script, svg, r;

	if (!gnuplot)
		return complain("--svg", "needs gnuplot, which is not installed");
	text = make_script(points, count, now, title);
	script = open_script(text);
	g_string_free(text, TRUE);
	if (script < 0)
		return complain(g_get_tmp_dir(), strerror(-script));
	svg = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	r = svg < 0 ? complain(file, strerror(errno)) : run_gnuplot(script, svg);
	if (svg >= 0 && close(svg) < 0 && r == 0)
		r = complain(file, strerror(errno));
	close(script);
	return r;
}
