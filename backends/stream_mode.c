#include "backends/stream_mode.h"

#define PAUSE_NS 200000000 /* a stream that was idle for so long would measure itself, not the device */
#define TRY_AFTER_MAX (8ull << 30)

const struct stream_mode_terms stream_mode_of_reads = {8 << 20, 16 << 20, 512 << 20};

/* After a change, several streams fill or empty two windows each in the page cache. The toll stands for the
 * cost of the copy and of the page cache that a window takes. */
const struct stream_mode_terms stream_mode_of_writes = {64 << 20, 64 << 20, 1 << 30, 8};

void stream_mode_init(struct stream_modes *modes, const struct stream_mode_terms *terms)
{
	modes->terms = terms;
	for (int i = 0; i < STREAM_CLASSES; i++)
		modes->classes[i] = (struct stream_mode_class){
			.mode = STREAM_WINDOW, .try_after = terms->try_after, .terms = terms};
}

struct stream_mode_class *stream_mode_class_of(struct stream_modes *modes, size_t request_size)
{
	if (request_size <= 128 << 10)
		return &modes->classes[0];
	if (request_size <= 512 << 10)
		return &modes->classes[1];
	return &modes->classes[2];
}

static enum stream_mode other(enum stream_mode mode)
{
	return mode == STREAM_WINDOW ? STREAM_STRAIGHT : STREAM_WINDOW;
}

enum stream_mode stream_mode_start(const struct stream_mode_class *class)
{
	return class->mode;
}

static void learn(uint64_t *estimate, uint64_t measured)
{
	*estimate = *estimate ? (*estimate + measured) / 2 : measured;
}

static uint64_t cost(const struct stream_mode_class *class, enum stream_mode mode)
{
	uint64_t ns = class->ns_per_mib[mode];
	unsigned toll = class->terms->toll_divisor;

	return mode == STREAM_WINDOW && toll ? ns + ns / toll : ns;
}

/* The other mode must be better by one part in sixteen, since both measurements vary. */
static void decide(struct stream_mode_class *class)
{
	uint64_t now = cost(class, class->mode), then = cost(class, other(class->mode));

	if (then && then + then / 16 < now) {
		class->mode = other(class->mode);
		class->try_after = class->terms->try_after;
	} else if (class->try_after < TRY_AFTER_MAX) {
		class->try_after *= 2;
	}
}

enum stream_mode stream_mode_report(
	struct stream_mode_class *class, enum stream_mode mode, uint64_t bytes, uint64_t elapsed_ns)
{
	uint64_t ns_per_mib = elapsed_ns / (bytes >> 20);

	learn(&class->ns_per_mib[mode], ns_per_mib ? ns_per_mib : 1);
	class->since_try += bytes;
	if (mode != class->mode) {
		class->trying = false;
		class->since_try = 0;
		decide(class);
		return class->mode;
	}
	if (!class->trying && (!class->ns_per_mib[other(mode)] || class->since_try >= class->try_after)) {
		class->trying = true;
		return other(mode);
	}
	return mode;
}

void stream_mode_abandon(struct stream_mode_class *class, enum stream_mode mode)
{
	if (mode != class->mode)
		class->trying = false;
}

/* --- one stream's measuring ------------------------------------------------------------------- */

static void meter_restart(struct stream_mode_meter *meter)
{
	meter->epoch_bytes = 0;
	meter->epoch_ns = 0;
}

/* Requests of another size are another case: what was measured so far does not count. */
static void meter_set_class(struct stream_mode_meter *meter, struct stream_mode_class *class)
{
	if (class == meter->class)
		return;
	stream_mode_end(meter);
	meter->class = class;
	meter->mode = stream_mode_start(class);
	meter_restart(meter);
}

enum stream_mode stream_mode_note(
	struct stream_modes *modes, struct stream_mode_meter *meter, size_t request_size, uint64_t now_ns)
{
	meter_set_class(meter, stream_mode_class_of(modes, request_size));
	if (now_ns - meter->last_ns > PAUSE_NS)
		meter_restart(meter);
	meter->last_ns = now_ns;
	if (!meter->epoch_ns && meter->epoch_bytes >= modes->terms->settling) {
		meter->epoch_ns = now_ns;
		meter->epoch_bytes = 0;
	} else if (meter->epoch_ns && meter->epoch_bytes >= modes->terms->epoch) {
		enum stream_mode before = meter->mode;

		meter->mode = stream_mode_report(
			meter->class, before, meter->epoch_bytes, now_ns - meter->epoch_ns);
		meter->epoch_ns = meter->mode == before ? now_ns : 0;
		meter->epoch_bytes = 0;
	}
	meter->epoch_bytes += request_size;
	return meter->mode;
}

void stream_mode_end(struct stream_mode_meter *meter)
{
	if (meter->class)
		stream_mode_abandon(meter->class, meter->mode);
	meter->class = NULL;
}
