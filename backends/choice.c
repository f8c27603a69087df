#include "backends/choice.h"

#define TRY_AFTER_MIN (512ull << 20)
#define TRY_AFTER_MAX (8ull << 30)

void choice_init(struct choice *choice)
{
	for (int i = 0; i < CHOICE_CLASSES; i++)
		choice->classes[i] = (struct choice_class){.mode = CHOICE_WINDOW, .try_after = TRY_AFTER_MIN};
}

struct choice_class *choice_class_of(struct choice *choice, size_t request_size)
{
	if (request_size <= 128 << 10)
		return &choice->classes[0];
	if (request_size <= 512 << 10)
		return &choice->classes[1];
	return &choice->classes[2];
}

static enum choice_mode other(enum choice_mode mode)
{
	return mode == CHOICE_WINDOW ? CHOICE_STRAIGHT : CHOICE_WINDOW;
}

enum choice_mode choice_start(const struct choice_class *class)
{
	return class->mode;
}

static void learn(uint64_t *estimate, uint64_t measured)
{
	*estimate = *estimate ? (*estimate + measured) / 2 : measured;
}

/* The other mode has to be clearly better, one part in sixteen, since both measurements waver. */
static void decide(struct choice_class *class)
{
	uint64_t now = class->ns_per_mib[class->mode], then = class->ns_per_mib[other(class->mode)];

	if (then && then + then / 16 < now) {
		class->mode = other(class->mode);
		class->try_after = TRY_AFTER_MIN;
	} else if (class->try_after < TRY_AFTER_MAX) {
		class->try_after *= 2;
	}
}

enum choice_mode choice_report(
	struct choice_class *class, enum choice_mode mode, uint64_t bytes, uint64_t elapsed_ns)
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

void choice_abandon(struct choice_class *class, enum choice_mode mode)
{
	if (mode != class->mode)
		class->trying = false;
}
