#include "tools/sievectl/file_json.h"

#include "fs/control/json.h"

/* The names of the bits of flags, from the lowest on. */
static const char *const flag_names[] = {
	"cached", "filling", "open", "written", "counted", "kept", "pinned", "left"};

void file_json_append(GString *out, const char *path, const struct sievefs_file *file)
{
	json_begin_object(out, NULL);
	json_string(out, "file", path);
	json_string(out, "lane", file->lane);
	json_string(out, "why", file->why);
	json_string(out, "cache", file->cache);
	json_string(out, "section", file->section);
	json_uint(out, "size", file->size);
	if (file->flags & SIEVEFS_COUNTED) {
		json_uint(out, "cached_bytes", file->cached_bytes);
		json_uint(out, "dirty_bytes", file->dirty_bytes);
		json_uint(out, "writeback_bytes", file->writeback_bytes);
	}
	json_uint(out, "opens", file->opens);
	json_uint(out, "wanted", file->wanted);
	json_uint(out, "uses", file->uses);
	json_uint(out, "age_s", file->age_s);
	json_uint(out, "small_max", file->small_max);
	json_uint(out, "large_min", file->large_min);
	json_uint(out, "cache_size", file->cache_size);
	if (file->flags & SIEVEFS_LEFT) {
		json_uint(out, "left_s", file->left_s);
		json_string(out, "left_for", file->left_for);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(flag_names); i++)
		json_uint(out, flag_names[i], file->flags >> i & 1);
	json_end_object(out);
}
