// Package cpuclock wakes a goroutine when the process has burned a given
// amount of CPU time: never while it idles, and within milliseconds once it
// works.
//
// It exists because polling fits neither end. Waking an idle process every
// 10 ms costs up to 2% of a core; waking it every second misses a leak of
// 3 GB/s, which fills 300 MiB in 100 ms. Such a leak burns CPU from its first
// page on, so the process's CPU clock is the cheapest witness of it.
//
// # How
//
//  1. One thread, locked to one goroutine, blocks one real-time signal and
//     waits for it in rt_sigtimedwait(2).
//  2. [Clock.Arm] sets a one-shot POSIX timer on CLOCK_PROCESS_CPUTIME_ID
//     (timer_create(2)) that sends the signal to that thread alone
//     (SIGEV_THREAD_ID).
//  3. The thread takes the signal and puts a token into [Clock.C].
//
// # Why a signal does no harm here
//
// The signal is directed at a thread that blocks it and waits for it, so no
// handler ever runs, no system call of the host is interrupted with EINTR and
// no other thread sees it. The timer is gone after fork and exec. What the
// host does with SIGPROF, SIGALRM or os/signal is not touched. A signal of
// this number that somebody else sent to the whole process is passed on to
// the main thread.
//
// Where the kernel refuses (seccomp, gVisor, other systems), [New] returns an
// error that wraps [errors.ErrUnsupported], and the caller polls.
//
// # Cost
//
// One thread that sleeps in the kernel, and one of the runtime's own, since
// locking a goroutine to a thread makes it keep a template thread. Nothing
// while the process idles. The kernel looks at CPU timers in its clock tick
// (4 ms at 250 Hz), so a timer is up to a tick late.
//
// # Concurrency
//
// Arm and Close may be called from any goroutine.
package cpuclock
