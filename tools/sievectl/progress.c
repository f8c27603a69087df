#include "tools/sievectl/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cache/base/clock.h"

#define MIB (1024.0 * 1024.0)
#define BAR_WIDTH 20
#define PAUSE_S 0.1

static double now_s(void)
{
	return (double)clock_now_ms() / 1000;
}

void progress_begin(struct progress *progress, uint64_t files, uint64_t bytes)
{
	*progress = (struct progress){
		.files = files, .bytes = bytes, .began_s = now_s(), .shows = isatty(STDERR_FILENO)};
}

static void draw_bar(const struct progress *progress)
{
	double part = progress->bytes ? (double)progress->bytes_done / (double)progress->bytes : 1;
	int filled = (int)(part * BAR_WIDTH);

	fputs("\r[", stderr);
	for (int i = 0; i < BAR_WIDTH; i++)
		fputc(i < filled ? '#' : ' ', stderr);
	fputc(']', stderr);
}

static void draw(struct progress *progress)
{
	double now = now_s(), seconds = now - progress->began_s;
	double rate = seconds > 0 ? (double)progress->bytes_done / seconds : 0;

	if (!progress->shows || (progress->is_shown && now - progress->shown_s < PAUSE_S))
		return;
	draw_bar(progress);
	fprintf(stderr, " %" PRIu64 "/%" PRIu64 " files, %.1f/%.1f MiB, %.1f MiB/s", progress->files_done,
		progress->files, (double)progress->bytes_done / MIB, (double)progress->bytes / MIB,
		rate / MIB);
	if (rate > 0)
		fprintf(stderr, ", %.0f s", (double)(progress->bytes - progress->bytes_done) / rate);
	fputs("\033[K", stderr); /* clears the rest of a longer line before */
	progress->is_shown = true;
	progress->shown_s = now;
}

static void come_to(struct progress *progress, uint64_t files_done, uint64_t bytes_done)
{
	progress->files_done = files_done < progress->files ? files_done : progress->files;
	progress->bytes_done = bytes_done < progress->bytes ? bytes_done : progress->bytes;
	draw(progress);
}

void progress_add(struct progress *progress, uint64_t files, uint64_t bytes)
{
	come_to(progress, progress->files_done + files, progress->bytes_done + bytes);
}

void progress_left(struct progress *progress, uint64_t files, uint64_t bytes)
{
	progress->files = files > progress->files ? files : progress->files;
	progress->bytes = bytes > progress->bytes ? bytes : progress->bytes;
	come_to(progress, progress->files - files, progress->bytes - bytes);
}

void progress_clear(struct progress *progress)
{
	if (progress->is_shown)
		fputs("\r\033[K", stderr);
	progress->is_shown = false;
}
