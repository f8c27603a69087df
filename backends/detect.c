#include "backends/detect.h"

enum {
	STRIDE_COUNT_MIN = 3,
	STRIDE_SPARSE = 3,      /* a stride leaves out at least two bytes of three */
	STRIDE_MAX = 256 << 20, /* beyond it a coincidence is likelier */
	MEMORY = 64,            /* reads that the judgement "random" is based on */
	JUDGED_MIN = 16,
};

static bool is_forward(const struct detect *detect, off_t offset, size_t tolerance)
{
	return offset <= detect->front + (off_t)tolerance && offset + (off_t)tolerance >= detect->front;
}

static bool is_backward(const struct detect *detect, off_t end, size_t tolerance)
{
	return end <= detect->back + (off_t)tolerance && end + (off_t)tolerance >= detect->back;
}

/* A read of this size starts another forward run: notes the run before it as a record. */
static void note_record(struct detect *detect, size_t first_size)
{
	struct detect_record *last = &detect->last;
	size_t size = detect->ahead > detect->first_size ? detect->front - detect->start : 0;

	detect->repeats = size && size == last->size && first_size == detect->first_size;
	last->stride = detect->start - last->start;
	last->start = detect->start;
	last->size = size;
}

static void move_front(struct detect *detect, bool continues, off_t offset, size_t size)
{
	off_t end = offset + (off_t)size;

	if (!continues) {
		note_record(detect, size);
		detect->start = offset;
		detect->first_size = size;
		detect->front = end;
		detect->ahead = size;
		return;
	}
	if (offset < detect->start)
		detect->start = offset;
	if (end > detect->front) {
		size_t moved = end - detect->front;

		detect->ahead += moved < size ? moved : size;
		detect->front = end;
	}
}

static void move_back(struct detect *detect, bool continues, off_t offset, size_t size)
{
	if (!continues) {
		detect->back = offset;
		detect->behind = size;
	} else if (offset < detect->back) {
		size_t moved = detect->back - offset;

		detect->behind += moved < size ? moved : size;
		detect->back = offset;
	}
}

static void count_stride(struct detect *detect, off_t offset, size_t size)
{
	int64_t stride = offset - detect->last_offset;
	int64_t distance = stride < 0 ? -stride : stride;

	if (size == detect->last_size && stride == detect->stride &&
		distance >= (int64_t)size * STRIDE_SPARSE && distance <= STRIDE_MAX)
		detect->stride_count++;
	else
		detect->stride_count = 0;
	detect->stride = stride;
}

/* Whether the run started where the next record was expected; its first reads may have been overtaken. */
static bool is_in_place(const struct detect *detect, size_t size)
{
	const struct detect_record *last = &detect->last;
	int64_t distance = last->stride < 0 ? -last->stride : last->stride;
	off_t late = detect->start - (last->start + last->stride);

	return distance >= (int64_t)last->size && distance <= STRIDE_MAX && late >= 0 &&
	       late < (off_t)last->size && late <= 2 * (off_t)size;
}

/* Whether the read belongs to a record whose size is known. Sets detect->record. */
static bool find_record(struct detect *detect, const struct detect_limits *limits, size_t size)
{
	const struct detect_record *last = &detect->last;
	struct detect_record *record = &detect->record;

	if (!detect->repeats || last->size < limits->after)
		return false;
	*record = (struct detect_record){.start = detect->start, .size = last->size};
	if (is_in_place(detect, size)) {
		record->start = last->start + last->stride;
		record->stride = last->stride;
	}
	return detect->front <= record->start + (off_t)record->size;
}

static void judge(struct detect *detect, bool in_order)
{
	if (in_order)
		detect->in_order++;
	else
		detect->out_of_order++;
	if (detect->in_order + detect->out_of_order >= MEMORY) {
		detect->in_order /= 2;
		detect->out_of_order /= 2;
	}
}

enum detect_order detect_read(
	struct detect *detect, const struct detect_limits *limits, off_t offset, size_t size)
{
	size_t tolerance = limits->gap + 2 * size;
	bool forward = detect->started && is_forward(detect, offset, tolerance);
	bool backward = detect->started && is_backward(detect, offset + (off_t)size, tolerance);

	count_stride(detect, offset, size);
	move_front(detect, forward, offset, size);
	move_back(detect, backward, offset, size);
	/* The very first read is in order when it starts the file. */
	judge(detect, detect->started ? forward || backward || detect->stride_count : offset == 0);
	detect->started = true;
	detect->last_offset = offset;
	detect->last_size = size;

	if (detect->stride_count >= STRIDE_COUNT_MIN) {
		detect->record =
			(struct detect_record){.start = offset, .size = size, .stride = detect->stride};
		return DETECT_STRIDED;
	}
	if (find_record(detect, limits, size))
		return DETECT_STRIDED;
	/* one request alone may be that long: the direction is that of the front that moved further */
	if (forward && detect->ahead >= limits->after && detect->ahead >= detect->behind)
		return DETECT_FORWARD;
	if (backward && detect->behind >= limits->after)
		return DETECT_BACKWARD;
	return DETECT_NONE;
}

bool detect_jumped(const struct detect *detect)
{
	return detect->ahead == detect->last_size && detect->behind == detect->last_size &&
	       !detect->stride_count && detect->last_offset != 0;
}

bool detect_is_random(const struct detect *detect)
{
	unsigned judged = detect->in_order + detect->out_of_order;

	return judged >= JUDGED_MIN && detect->out_of_order * 4 >= judged * 3;
}
