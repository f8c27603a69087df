/* The lists of allowed calls: those that the daemon, its keepers and its asker make in the tests, and those
 * that glibc may make instead. */
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "cache/sandbox/filter.h"
#include "cache/sandbox/sanitized.h"

/* an int: the upper half of its register is not defined */
#define IS(at, wanted) .argument = (at), .mask = UINT32_MAX, .value = (wanted)
#define HAS(at, of, wanted) .argument = (at), .mask = (of), .value = (wanted)

#define NAMESPACES                                                                                    \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
		CLONE_NEWNET)

/* The layout is by hand: tables read by their rows. */
/* clang-format off */
static const struct filter_call daemon_calls[] = {
#if IS_SANITIZED
	/* first: of two rows of a call, without conditions and with them, libseccomp keeps the first */
	{"mprotect"}, {"mmap"}, {"prctl"}, {"clone"}, {"ptrace"}, {"personality"}, {"getrusage"}, {"tkill"},
	{"pipe"}, {"fork"}, {"vfork"}, {"sigaltstack"}, {"nanosleep"}, {"open"}, {"stat"}, {"lstat"},
	{"setitimer"}, {"process_vm_readv"}, {"mlock"}, {"munlock"}, {"rt_tgsigqueueinfo"},
	{"rt_sigpending"}, {"mkdir"}, {"getcwd"},
	{"getppid"}, {"getdents"},
#endif

	/* files, by descriptor, name or handle */
	{"access"}, {"faccessat"}, {"faccessat2"}, {"openat"}, {"name_to_handle_at"}, {"open_by_handle_at"},
	{"close"}, {"close_range"}, {"dup"}, {"dup2"}, {"dup3"}, {"fcntl"}, {"flock"}, {"fstat"}, {"newfstatat"},
	{"statx"}, {"statfs"}, {"fstatfs"}, {"getdents64"}, {"readlink"}, {"readlinkat"}, {"linkat"},
	{"mkdirat"}, {"mknodat"}, {"rename"}, {"renameat"}, {"unlink"}, {"renameat2"}, {"symlinkat"}, {"unlinkat"}, {"fchmodat"},
	{"fchmodat2", .number = 452}, {"fchownat"}, {"utimensat"}, {"getxattr"}, {"fgetxattr"}, {"listxattr"},
	{"setxattr"}, {"fsetxattr"}, {"removexattr"}, {"ioctl"},

	/* their contents */
	{"read"}, {"pread64"}, {"preadv"}, {"preadv2"}, {"write"}, {"writev"}, {"pwrite64"}, {"pwritev"},
	{"pwritev2"}, {"lseek"}, {"copy_file_range"}, {"sendfile"}, {"truncate"}, {"ftruncate"}, {"fallocate"},
	{"fadvise64"}, {"fsync"}, {"fdatasync"}, {"syncfs"}, {"sync_file_range"}, {"memfd_create"},
	{"inotify_init1"}, {"inotify_add_watch"}, {"inotify_rm_watch"}, {"io_uring_setup"}, {"io_uring_enter"},
	{"io_uring_register"},

	/* mounts: clones without access times; unmounting */
	{"open_tree"}, {"mount_setattr"}, {"umount2"},

	/* memory: none that can be written and executed */
	{"brk"}, {"munmap"}, {"mremap"}, {"madvise"}, {"mincore"}, {"mlock2"}, {"cachestat", .number = 451},
	{"mmap", HAS(2, PROT_WRITE | PROT_EXEC, 0)}, {"mmap", HAS(2, PROT_WRITE | PROT_EXEC, PROT_WRITE)},
	{"mmap", HAS(2, PROT_WRITE | PROT_EXEC, PROT_EXEC)}, {"mprotect", HAS(2, PROT_EXEC, 0)},
	{"get_mempolicy"}, {"mbind"}, {"set_mempolicy"},

	/* threads, time and signals */
	{"clone", HAS(0, NAMESPACES, 0)}, {"clone3"}, /* its flags are in memory, where a filter can't read them */
	{"unshare", IS(0, CLONE_FS)}, {"exit"}, {"exit_group"}, {"futex"}, {"gettid"}, {"getpid"}, {"rseq"},
	{"set_robust_list"}, {"set_tid_address"}, {"sched_yield"}, {"sched_getaffinity"}, {"sched_setaffinity"},
	{"sched_setscheduler", IS(1, SCHED_NORMAL)}, {"sched_setscheduler", IS(1, SCHED_IDLE)},
	{"getcpu"}, {"clock_gettime"}, {"clock_nanosleep"}, {"gettimeofday"}, {"time"}, {"rt_sigaction"},
	{"rt_sigprocmask"}, {"rt_sigreturn"}, {"rt_sigtimedwait"}, {"kill"}, {"tgkill"}, {"restart_syscall"},
	{"poll"}, {"ppoll"}, {"eventfd2"}, {"pipe2"},

	/* ids, limits, and what is asked of the system */
	{"capget"}, {"capset"}, {"setfsuid"}, {"setfsgid"}, {"umask"}, {"chdir"}, {"setsid"}, {"getuid"},
	{"geteuid"}, {"getgid"}, {"getegid"}, {"prlimit64"}, {"sysinfo"}, {"uname"}, {"getrandom"},

	/* syslog, the service manager and keepers; the rest is what libmicrohttpd uses */
	{"socket", IS(0, AF_UNIX)}, {"socket", IS(0, AF_INET)}, {"socket", IS(0, AF_INET6)},
	{"socketpair", IS(0, AF_UNIX)}, {"connect"}, {"bind"}, {"listen"}, {"accept"}, {"accept4"}, {"shutdown"},
	{"getsockname"}, {"getpeername"}, {"getsockopt"}, {"setsockopt"}, {"sendto"}, {"sendmsg"}, {"recvfrom"},
	{"recvmsg"}, {"select"}, {"pselect6"}, {"epoll_create1"}, {"epoll_ctl"}, {"epoll_wait"}, {"epoll_pwait"},

	/* a further keeper is started: this program is executed, and sheds its rights */
	{"execve"}, {"wait4"}, {"arch_prctl"}, {"seccomp"}, {"setgroups"}, {"setresuid"}, {"setresgid"},
	{"prctl", IS(0, PR_SET_NAME)}, {"prctl", IS(0, PR_GET_NAME)}, {"prctl", IS(0, PR_SET_NO_NEW_PRIVS)},
	{"prctl", IS(0, PR_SET_KEEPCAPS)}, {"prctl", IS(0, PR_GET_DUMPABLE)}, {"prctl", IS(0, PR_SET_DUMPABLE)},
	{"prctl", IS(0, PR_CAPBSET_READ)}, {"prctl", IS(0, PR_CAPBSET_DROP)}, {"prctl", IS(0, PR_GET_SECCOMP)},
	{"prctl", IS(0, PR_SET_SECCOMP)}, {"prctl", IS(0, PR_SET_VMA)},
};

static const struct filter_call keeper_calls[] = {
#if IS_SANITIZED
	{"mmap"}, {"mprotect"}, {"mremap"}, {"write"}, {"read"}, {"openat"}, {"open"}, {"getpid"}, {"gettid"},
	{"sched_yield"}, {"sigaltstack"}, {"rt_sigaction"}, {"rt_sigprocmask"}, {"prctl"}, {"readlink"},
	{"fstat"}, {"newfstatat"}, {"lseek"}, {"getrandom"}, {"clone"}, {"clone3"}, {"wait4"}, {"nanosleep"},
	{"clock_nanosleep"}, {"tgkill"}, {"getrusage"}, {"prlimit64"},
#endif

	{"recvmsg"}, {"sendto"}, {"close"}, {"pread64"}, {"mmap", HAS(2, PROT_EXEC, 0)}, {"munmap"}, {"madvise"},
	{"mlock2"}, {"brk"}, {"futex"}, {"clock_gettime"}, {"rt_sigreturn"}, {"restart_syscall"}, {"exit_group"},
};

static const struct filter_call asker_calls[] = {
#if IS_SANITIZED
	{"mmap"}, {"mprotect"}, {"munmap"}, {"madvise"}, {"openat"}, {"open"}, {"close"}, {"getpid"}, {"gettid"},
	{"sched_yield"}, {"sigaltstack"}, {"rt_sigaction"}, {"rt_sigprocmask"}, {"prctl"}, {"readlink"},
	{"fstat"}, {"lseek"}, {"futex"}, {"clock_gettime"}, {"getrandom"}, {"brk"},
#endif

	{"read"}, {"write"}, {"sendto"}, {"statfs"}, {"newfstatat"}, {"statx"}, {"setsid"}, {"rt_sigreturn"},
	{"restart_syscall"}, {"exit_group"},
};
/* clang-format on */

const struct filter_list filter_of_daemon = {daemon_calls, sizeof(daemon_calls) / sizeof(*daemon_calls)};
const struct filter_list filter_of_keeper = {keeper_calls, sizeof(keeper_calls) / sizeof(*keeper_calls)};
const struct filter_list filter_of_asker = {asker_calls, sizeof(asker_calls) / sizeof(*asker_calls)};
