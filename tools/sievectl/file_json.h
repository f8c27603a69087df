/* file_json - the state of a file, as JSON. */
#pragma once

#include <glib.h>

#include "tools/libsievefs/sievefs.h"

/* Appends an object without a key; its member "file" is path. */
void file_json_append(GString *out, const char *path, const struct sievefs_file *file);
