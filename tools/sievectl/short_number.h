/* short_number - numbers in few columns. */
#pragma once

#include <stdint.h>

#define SHORT_NUMBER 8 /* bytes for any of them, with the NUL */

/* 5 columns at most: "0", "7.5", "12.3K", "999". Units are thousands. */
void short_count(char text[SHORT_NUMBER], double count);

/* 5 columns at most: "0", "512", "1.5K", "1023M". Units are 1024. */
void short_bytes(char text[SHORT_NUMBER], double bytes);

/* 4 columns at most: "40ms", "3.2s", "42s", "86m", "24h", "12d". */
void short_age(char text[SHORT_NUMBER], uint64_t ms);

/* 5 columns at most: "12us", "3.4ms", "1.2s". */
void short_latency(char text[SHORT_NUMBER], double seconds);
