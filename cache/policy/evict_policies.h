/*
 * evict_policies - the symbols of the catalogue, one per file evict_NAME.c.
 */
#pragma once

#include "cache/policy/evict_policy.h"

extern const struct evict_policy evict_clock;
extern const struct evict_policy evict_gdsf;
extern const struct evict_policy evict_lru;
extern const struct evict_policy evict_s3fifo;
extern const struct evict_policy evict_s3gd;
extern const struct evict_policy evict_sieve;
