/*
 * rules - what the user says about particular files: lane, pin, priority.
 *
 * A rules file is in GLib's key-file form. Sections are tried in their order; each of lane, write, pin,
 * priority and revalidate is taken from the first section that matches the file and has that key. A section
 * without conditions matches every file.
 *
 * 	[films]                  the name is free; errors and sievectl explain show it
 * 	path = *.mkv; *.mp4      globs (glob.h), any of them
 * 	size = 64M..             bytes with K, M, G, T: from..to, both included, either may be left out
 * 	owner = alice; 1001      names or numbers, any of them
 * 	age = ..10m              since the last change: s, m, h, d, w
 * 	open = write             or read: how it is being opened
 * 	lane = direct            cached, plain, direct or trailed
 * 	pin = true               once cached, stays
 * 	write = through          or around: whether each write is to be on the disk when it returns
 * 	priority = high          low, normal or high: a quarter of the weight, or four times as much
 * 	revalidate = 10m         how long a copy is used without asking for its file: s, m, h, d, w
 *
 * Pure: the caller passes the text, and the function that finds the numbers of users.
 */
#pragma once

#include "cache/policy/classify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rules;

/* The number of the user with this name; false when there is none. */
typedef bool rules_find_user(const char *name, uint32_t *uid);

/*
 * Reads a whole file's text. Negative errno with one line in *error (to be freed by free()) that begins with
 * "line N: " and says what is wrong and what would be right; then *rules is unchanged, and the old rules stay
 * in force. find_user may be NULL: then owners are numbers only.
 */
int rules_parse(
	const char *text, size_t size, rules_find_user *find_user, struct rules **rules, char **error);
void rules_free(struct rules *rules); /* accepts NULL */
unsigned rules_count(const struct rules *rules);

struct rule_facts {
	const char *path; /* from the root of the mount: "/docs/a.txt"; any of them if it has hard links */
	uint64_t size;
	uint64_t age_s; /* since the last change of the contents */
	uint32_t owner; /* uid */
	bool writes;    /* is being opened for writing */
};

enum rule_priority { PRIORITY_LOW = -1, PRIORITY_NORMAL, PRIORITY_HIGH };

struct rule_decision {
	bool has_lane;
	enum lane lane; /* LANE_CACHED, LANE_PLAIN, LANE_DIRECT or LANE_TRAILED */
	bool has_write;
	bool through; /* each write is to be on the disk when it returns */
	bool pin;
	enum rule_priority priority;
	bool has_revalidate;
	uint64_t revalidate_s;
	const char *section; /* the section that gave the lane, else the first that matched; NULL: none did.
				Valid as long as the rules */
};

/* rules may be NULL: then no section matches. */
void rules_match(const struct rules *rules, const struct rule_facts *facts, struct rule_decision *decision);
