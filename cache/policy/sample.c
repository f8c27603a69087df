#include "cache/policy/sample.h"

#include <string.h>

/* A packed file: 41 bits of the hash, of which shift are 0; 6 of the version; by_rule; 16 of the size. */
enum { NAME_BITS = 41, VERSION_BITS = 6, SIZE_BITS = 16, MANTISSA_BITS = 11 };

#define BITS(n) ((1ULL << (n)) - 1)
#define TOKENS_END(s) ((const uint16_t *)((s)->room + SAMPLE_ROOM / 8))

/* Memory that the waiting opens may take once they are in the sample. */
#define ROOM_FOR_WAITING (SAMPLE_WAITING * (sizeof(uint64_t) + sizeof(uint16_t)))

/*
 * Fewer files in the sample, or in the part of it that the cache would hold, say little: see docs/policies.md
 * for what was measured.
 */
enum { FILES_MIN = 8192, CACHED_FILES_MIN = 256 };

/* Packs a size as a floating-point number, which is exact below 2^12. */
static uint64_t pack_size(uint64_t size)
{
	unsigned exponent = 0;

	while (size >> exponent >= 2 << MANTISSA_BITS)
		exponent++;
	if (size >> exponent < 1 << MANTISSA_BITS)
		return size;
	if (exponent > BITS(SIZE_BITS - MANTISSA_BITS) - 1)
		return BITS(SIZE_BITS);
	return (uint64_t)(exponent + 1) << MANTISSA_BITS | (size >> exponent & BITS(MANTISSA_BITS));
}

static uint64_t unpack_size(uint64_t code)
{
	uint64_t exponent = code >> MANTISSA_BITS, mantissa = code & BITS(MANTISSA_BITS);

	return exponent == 0 ? mantissa : (1ULL << MANTISSA_BITS | mantissa) << (exponent - 1);
}

uint64_t sample_pack(uint64_t hash, uint64_t size, unsigned version, bool by_rule)
{
	return (hash & BITS(NAME_BITS)) << (64 - NAME_BITS) |
	       (version & BITS(VERSION_BITS)) << (SIZE_BITS + 1) | (uint64_t)by_rule << SIZE_BITS |
	       pack_size(size);
}

struct sample_file sample_unpack(uint64_t packed)
{
	return (struct sample_file){
		.name = packed >> (64 - NAME_BITS),
		.version = packed >> (SIZE_BITS + 1) & BITS(VERSION_BITS),
		.by_rule = packed >> SIZE_BITS & 1,
		.size = unpack_size(packed & BITS(SIZE_BITS)),
	};
}

void sample_init(struct sample *s, uint64_t size_max)
{
	s->size_max = size_max;
}

/* Never before at_begin, though more opens may have been subtracted as lost than were: their number is
 * estimated from those of the chosen files. */
static struct sample_seen seen_now(const struct sample *s)
{
	uint64_t opens = atomic_load_explicit(&s->seen_opens, memory_order_relaxed);
	uint64_t bytes = atomic_load_explicit(&s->seen_bytes, memory_order_relaxed);

	return (struct sample_seen){
		.opens = (int64_t)(opens - s->at_begin.opens) > 0 ? opens : s->at_begin.opens,
		.bytes = (int64_t)(bytes - s->at_begin.bytes) > 0 ? bytes : s->at_begin.bytes,
	};
}

static uint64_t mask_of(const struct sample *s)
{
	return atomic_load_explicit(&s->mask, memory_order_relaxed);
}

static unsigned shift_of(const struct sample *s)
{
	return (unsigned)__builtin_popcountll(mask_of(s));
}

static uint16_t *token_at(struct sample *s, uint32_t i)
{
	return (uint16_t *)TOKENS_END(s) - 1 - i;
}

static size_t room_taken(const struct sample *s)
{
	return s->file_count * sizeof(uint64_t) + s->token_count * sizeof(uint16_t);
}

static void append_open(struct sample *s, uint16_t number)
{
	uint16_t *newest = s->token_count ? token_at(s, s->token_count - 1) : NULL, token;

	s->open_count++;
	if (open_code_add(&s->code, number, newest, &token))
		*token_at(s, s->token_count++) = token;
}

/* --- files by their names --------------------------------------------------------------------- */

static uint64_t name_of(uint64_t packed)
{
	return packed >> (64 - NAME_BITS);
}

/* The place of the file in the index, or where it is to be inserted. Not by the lower bits of its name, which
 * may be 0. */
static uint16_t *find(struct sample *s, uint64_t name)
{
	uint16_t at = (uint16_t)(name >> SAMPLE_SHIFT_MAX);

	while (s->index[at] && name_of(s->room[s->index[at] - 1]) != name)
		at++;
	return &s->index[at];
}

static void rebuild_index(struct sample *s)
{
	memset(s->index, 0, sizeof(s->index));
	for (uint32_t i = 0; i < s->file_count; i++)
		*find(s, name_of(s->room[i])) = (uint16_t)(i + 1);
}

static void append(struct sample *s, uint64_t packed)
{
	uint16_t *number = find(s, name_of(packed));

	if (*number == 0 || s->room[*number - 1] != packed) {
		s->room[s->file_count++] = packed;
		*number = (uint16_t)s->file_count;
	}
	append_open(s, (uint16_t)(*number - 1));
}

/* --- making room ------------------------------------------------------------------------------ */

/* Which files stay, and how many of these come before each 64th file. */
struct staying {
	uint64_t bits[SAMPLE_FILES / 64];
	uint16_t before[SAMPLE_FILES / 64];
};

static void stays(struct staying *staying, uint32_t number)
{
	staying->bits[number / 64] |= 1ULL << number % 64;
}

static bool is_staying(const struct staying *staying, uint32_t number)
{
	return staying->bits[number / 64] >> number % 64 & 1;
}

static uint16_t number_of(const struct staying *staying, uint32_t number)
{
	uint64_t below = staying->bits[number / 64] & BITS(number % 64);

	return (uint16_t)(staying->before[number / 64] + __builtin_popcountll(below));
}

static void keep_files(struct sample *s, struct staying *staying)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->file_count; i++) {
		if (i % 64 == 0)
			staying->before[i / 64] = (uint16_t)kept;
		if (is_staying(staying, i))
			s->room[kept++] = s->room[i];
	}
	s->file_count = kept;
}

/* Reads the tokens below top, the oldest first. */
struct reading {
	const uint16_t *top;
	uint32_t count, next; /* tokens */
	uint32_t left;        /* opens of the token before next that are still to be read */
	uint16_t token;
};

static bool read_open(struct sample *s, struct reading *reading, uint16_t *number)
{
	if (reading->left == 0) {
		if (reading->next == reading->count)
			return false;
		reading->token = *(reading->top - 1 - reading->next++);
		reading->left = open_code_count(reading->token);
	}
	reading->left--;
	*number = open_code_next(&s->decoder, reading->token);
	return true;
}

static struct reading start_reading(struct sample *s, const uint16_t *top)
{
	memset(&s->decoder, 0, sizeof(s->decoder));
	return (struct reading){.top = top, .count = s->token_count};
}

static void forget_opens(struct sample *s)
{
	memset(&s->code, 0, sizeof(s->code));
	s->open_count = 0;
	s->token_count = 0;
}

static uint64_t part_way(uint64_t a, uint64_t b, double part)
{
	return a + (uint64_t)((double)(b - a) * part);
}

/* Notes that the sample now begins at this one of its opens. */
static void begin_at(struct sample *s, uint32_t open, uint32_t open_count)
{
	struct sample_seen now = seen_now(s);
	double part = (double)open / open_count;

	s->at_begin.opens = part_way(s->at_begin.opens, now.opens, part);
	s->at_begin.bytes = part_way(s->at_begin.bytes, now.bytes, part);
	s->is_cut = true;
}

/*
 * Encodes again the opens of the files that stay, from the open first on. They overwrite what was read, below
 * which the files that left have made a gap. Should they need more than that, since fewer opens are as
 * predicted than before, the oldest opens are dropped.
 */
static void rewrite_opens(struct sample *s, uint32_t first, const struct staying *staying)
{
	uint16_t *bottom = (uint16_t *)(s->room + s->file_count), number;
	uint32_t open_count = s->open_count;
	struct reading reading;

	memmove(bottom, TOKENS_END(s) - s->token_count, s->token_count * sizeof(*bottom));
	reading = start_reading(s, bottom + s->token_count);
	forget_opens(s);
	for (uint32_t i = 0; read_open(s, &reading, &number); i++) {
		if (i < first || !is_staying(staying, number))
			continue;
		if (token_at(s, s->token_count) < reading.top - reading.next) {
			forget_opens(s);
			begin_at(s, i, open_count);
		}
		append_open(s, number_of(staying, number));
	}
	rebuild_index(s);
}

/* Drops half of the files. */
static void thin(struct sample *s)
{
	uint64_t mask = mask_of(s) << 1 | 1;
	struct staying staying = {0};

	atomic_store_explicit(&s->mask, mask, memory_order_relaxed);
	for (uint32_t i = 0; i < s->file_count; i++)
		if (!(name_of(s->room[i]) & mask))
			stays(&staying, i);
	keep_files(s, &staying);
	rewrite_opens(s, 0, &staying);
}

/* Drops the opens before the middle. */
static void cut(struct sample *s)
{
	uint32_t first = s->middle ? s->middle : s->open_count / 2;
	struct reading reading = start_reading(s, TOKENS_END(s));
	struct staying staying = {0};
	uint16_t number;

	for (uint32_t i = 0; read_open(s, &reading, &number); i++)
		if (i >= first)
			stays(&staying, number);
	begin_at(s, first, s->open_count);
	if (s->middle)
		s->at_begin = s->at_middle;
	keep_files(s, &staying);
	rewrite_opens(s, first, &staying);
}

static bool is_to_be_thinned(const struct sample *s, uint64_t cache_size)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < s->file_count; i++)
		bytes += sample_unpack(s->room[i]).size;
	return s->file_count >= FILES_MIN && shift_of(s) < SAMPLE_SHIFT_MAX &&
	       (cache_size >> shift_of(s)) / 2 >= bytes / s->file_count * CACHED_FILES_MIN;
}

static bool is_full(const struct sample *s, unsigned batches)
{
	return room_taken(s) + batches * ROOM_FOR_WAITING > SAMPLE_ROOM ||
	       s->file_count + batches * SAMPLE_WAITING > SAMPLE_FILES;
}

static bool is_half_full(const struct sample *s)
{
	return room_taken(s) > SAMPLE_ROOM / 2 || s->file_count > SAMPLE_FILES / 2;
}

static void make_room(struct sample *s, uint64_t cache_size, unsigned batches)
{
	while (is_full(s, batches)) {
		if (is_to_be_thinned(s, cache_size))
			thin(s);
		else
			cut(s);
		s->middle = 0;
		s->generation++;
	}
}

/* batches: leaves room for this many times as many opens as may wait. */
static void take_in(struct sample *s, uint64_t cache_size, unsigned batches)
{
	uint32_t count = atomic_exchange_explicit(&s->waiting_count, SAMPLE_WAITING, memory_order_relaxed);
	uint64_t mask = mask_of(s);

	for (uint32_t i = 0; i < count && i < SAMPLE_WAITING; i++) {
		uint64_t packed = atomic_load_explicit(&s->waiting[i], memory_order_relaxed);

		if (!(name_of(packed) & mask)) /* the open may have come while the sample was thinned */
			append(s, packed);
	}
	make_room(s, cache_size, batches);
	if (s->middle == 0 && is_half_full(s)) {
		s->middle = s->open_count;
		s->at_middle = seen_now(s);
	}
	atomic_store_explicit(&s->waiting_count, 0, memory_order_relaxed);
}

void sample_take_in(struct sample *s, uint64_t cache_size)
{
	take_in(s, cache_size, 1);
}

void sample_take_in_ahead(struct sample *s, uint64_t cache_size)
{
	take_in(s, cache_size, 2);
}

void sample_restart(struct sample *s, uint64_t size_max)
{
	sample_take_in(s, 0); /* the waiting opens are from before */
	atomic_store_explicit(&s->size_max, size_max, memory_order_relaxed);
	s->file_count = 0;
	forget_opens(s);
	rebuild_index(s);
	s->at_begin = seen_now(s);
	s->is_cut = true;
	s->middle = 0;
	s->generation++;
}

/* --- reading ---------------------------------------------------------------------------------- */

void sample_read_extent(const struct sample *s, struct sample_extent *extent)
{
	struct sample_seen now = seen_now(s);

	*extent = (struct sample_extent){
		.file_count = s->file_count,
		.open_count = s->open_count,
		.token_count = s->token_count,
		.generation = s->generation,
		.shift = shift_of(s),
		.is_cut = s->is_cut,
		.seen = {now.opens - s->at_begin.opens, now.bytes - s->at_begin.bytes},
	};
}

uint32_t sample_read_files(const struct sample *s, uint32_t first, uint64_t *files, uint32_t count)
{
	uint32_t there = first < s->file_count ? s->file_count - first : 0;

	count = count < there ? count : there;
	memcpy(files, s->room + first, count * sizeof(*files));
	return count;
}

uint32_t sample_read_tokens(const struct sample *s, uint32_t first, uint16_t *tokens, uint32_t count)
{
	uint32_t there = first < s->token_count ? s->token_count - first : 0;

	count = count < there ? count : there;
	for (uint32_t i = 0; i < count; i++)
		tokens[i] = TOKENS_END(s)[-1 - (ptrdiff_t)(first + i)];
	return count;
}
