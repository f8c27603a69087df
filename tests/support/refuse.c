#include "tests/support/refuse.h"
#include "tests/support/check.h"
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

void refuse_calls(const struct sock_filter *code, size_t count)
{
	const struct sock_fprog program = {
		.len = (unsigned short)count, .filter = (struct sock_filter *)code};

	assert_return_code(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), errno);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		SKIP_TEST("this kernel filters no calls: %s", strerror(errno));
}
