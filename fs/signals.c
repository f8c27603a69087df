#include "fs/signals.h"

#include "fs/threads.h"

static const int waited_for[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};

static sigset_t waited_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(waited_for) / sizeof(*waited_for); i++)
		sigaddset(&set, waited_for[i]);
	return set;
}

/* SIGIO arrives when a lease of the daemon is broken, SIGXFSZ if a user's file size limit was inherited. */
void signals_ignore_others(void)
{
	static const int ignored[] = {SIGALRM, SIGUSR1, SIGUSR2, SIGPIPE, SIGIO, SIGPROF, SIGVTALRM, SIGPWR,
		SIGSTKFLT, SIGXCPU, SIGXFSZ};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	for (int real_time = SIGRTMIN; real_time <= SIGRTMAX; real_time++)
		signal(real_time, SIG_IGN);
}

void signals_hold(struct signals *signals)
{
	sigset_t set = waited_set();

	/* a shell starts background programs with some of them ignored: these would never arrive */
	for (size_t i = 0; i < sizeof(waited_for) / sizeof(*waited_for); i++)
		signal(waited_for[i], SIG_DFL);
	pthread_sigmask(SIG_BLOCK, &set, &signals->before);
}

static void *wait_for_signals(void *data)
{
	struct signals *signals = data;
	sigset_t set = waited_set();
	int got;

	while (sigwait(&set, &got) == 0 && !signals->stopping) {
		if (got == SIGHUP)
			signals->reload(signals->context);
		else
			signals->end(signals->context, got);
	}
	return NULL;
}

int signals_start(struct signals *signals)
{
	int r = thread_start(&signals->thread, "sieve-signal", wait_for_signals, signals);

	signals->started = r == 0;
	return r;
}

void signals_stop(struct signals *signals)
{
	if (signals->started) {
		signals->stopping = true;
		pthread_kill(signals->thread, SIGHUP);
		pthread_join(signals->thread, NULL);
	}
	pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
}
