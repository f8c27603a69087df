#include "cache/policy/glob.h"

#include <stddef.h>
#include <string.h>

/* Returns the position after the closing bracket of the set that begins at p, or NULL. A "]" right after "["
 * or "[!" belongs to the set. */
static const char *set_end(const char *p)
{
	p += p[1] == '!' ? 2 : 1;
	if (*p)
		p++;
	while (*p && *p != ']')
		p++;
	return *p ? p + 1 : NULL;
}

static bool set_has(const char *p, const char *end, unsigned char c)
{
	bool negated = p[1] == '!', found = false;

	for (p += negated ? 2 : 1; p < end - 1; p++) {
		if (p[1] == '-' && p + 2 < end - 1) {
			found |= c >= (unsigned char)p[0] && c <= (unsigned char)p[2];
			p += 2;
		} else {
			found |= c == (unsigned char)*p;
		}
	}
	return found != negated;
}

/* Matches one element other than a star. Returns the position after the element, or NULL. */
static const char *match_one(const char *p, char c)
{
	const char *end = *p == '[' ? set_end(p) : NULL;

	if (!*p || !c)
		return NULL;
	if (*p == '?')
		return c != '/' ? p + 1 : NULL;
	if (end)
		return c != '/' && set_has(p, end, c) ? end : NULL;
	return *p == c ? p + 1 : NULL;
}

/* Where to go on after a mismatch: after the last star, which then takes one more character. */
struct retry {
	const char *pattern, *text; /* pattern NULL: none */
};

static bool match(const char *p, const char *text)
{
	struct retry one = {NULL, NULL}, many = {NULL, NULL};

	for (;;) {
		const char *next;

		if (p[0] == '*' && p[1] == '*') {
			p += 2;
			many = (struct retry){p, text};
			one.pattern = NULL;
			continue;
		}
		if (p[0] == '*') {
			p++;
			one = (struct retry){p, text};
			continue;
		}
		if (!*p && !*text)
			return true;
		next = match_one(p, *text);
		if (next) {
			p = next;
			text++;
		} else if (one.pattern && *one.text && *one.text != '/') {
			p = one.pattern;
			text = ++one.text;
		} else if (many.pattern && *many.text) {
			p = many.pattern;
			text = ++many.text;
			one.pattern = NULL;
		} else {
			return false;
		}
	}
}

bool glob_match(const char *pattern, const char *path)
{
	const char *name = strrchr(path, '/');

	return match(pattern, strchr(pattern, '/') || !name ? path : name + 1);
}

const char *glob_check(const char *pattern)
{
	if (!*pattern)
		return "an empty pattern";
	if (strchr(pattern, '/') && *pattern != '/' && strncmp(pattern, "**", 2))
		return "a pattern with a / in it begins with / or **, as paths begin at the root of the "
		       "mount";
	for (const char *p = pattern; *p; p++) {
		if (*p != '[')
			continue;
		p = set_end(p);
		if (!p)
			return "a [ without its ]";
		p--;
	}
	return NULL;
}
