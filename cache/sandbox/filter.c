#include "cache/sandbox/filter.h"

#include <errno.h>
#include <sys/prctl.h>

#if HAVE_SECCOMP && (defined(__x86_64__) || defined(__aarch64__))

#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <ucontext.h>

#define CALLS_MAX 512

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

static char *names[CALLS_MAX]; /* resolving one allocates: not for a signal handler */
static atomic_flag told[CALLS_MAX];
static filter_refused *tell;

const char *filter_name_of(int number)
{
	return number >= 0 && number < CALLS_MAX ? names[number] : NULL;
}

static void resolve_names(void)
{
	for (int number = 0; number < CALLS_MAX; number++)
		if (!names[number])
			names[number] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
}

static void set_result(void *context, long result)
{
	ucontext_t *at = context;

#ifdef __x86_64__
	at->uc_mcontext.gregs[REG_RAX] = result;
#else
	at->uc_mcontext.regs[0] = (unsigned long)result;
#endif
}

static void answer_refused(int signal, siginfo_t *info, void *context)
{
	int number = info->si_syscall, saved = errno;

	if (info->si_code != SYS_SECCOMP)
		return; /* sent by kill(2) */
	if (number < 0 || number >= CALLS_MAX || !atomic_flag_test_and_set(&told[number]))
		tell(number, filter_name_of(number));
	set_result(context, -ENOSYS);
	errno = saved;
}

static int add_call(scmp_filter_ctx filter, const struct filter_call *call)
{
	int number = seccomp_syscall_resolve_name(call->name), r;

	if (number == __NR_SCMP_ERROR && call->number)
		number = call->number;
	if (number < 0)
		return 0; /* this architecture has no such call */
	if (!call->mask)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
	else
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1,
			SCMP_CMP(call->argument, SCMP_CMP_MASKED_EQ, call->mask, call->value));
	return r == -EEXIST ? 0 : r; /* an earlier row allows more */
}

int filter_load(const struct filter_list *list, filter_refused *refused)
{
	struct sigaction action = {.sa_sigaction = answer_refused, .sa_flags = SA_SIGINFO | SA_NODEFER};
	scmp_filter_ctx filter;
	int r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;

	if (r < 0)
		return r;
	filter = seccomp_init(SCMP_ACT_TRAP);
	if (!filter)
		return -ENOMEM;
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = add_call(filter, &list->calls[i]);
	if (r == 0) {
		resolve_names();
		tell = refused;
		sigaction(SIGSYS, &action, NULL);
		r = seccomp_load(filter);
	}
	seccomp_release(filter);
	return r;
}

#else

int filter_load(const struct filter_list *list, filter_refused *refused)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : -EOPNOTSUPP;
}

const char *filter_name_of(int number)
{
	return NULL;
}

#endif
