/*
 * Says by its exit status which rights it has that whoever runs it lacks. The tests copy and run it hundreds
 * of times, which is slow with a sanitizer.
 */
#include <sys/capability.h>
#include <unistd.h>

enum who { WHO_OWNER = 1, WHO_GROUP = 2, WHO_CAPABLE = 4 };

/* Large for the lanes that sort files by their size. */
__attribute__((used)) static const char padding[128 << 10] = {1};

int main(void)
{
	cap_t none = cap_init(), own = cap_get_proc();

	return (geteuid() != getuid() ? WHO_OWNER : 0) | (getegid() != getgid() ? WHO_GROUP : 0) |
	       (geteuid() && cap_compare(none, own) ? WHO_CAPABLE : 0);
}
