// Package cpuclock wakes a goroutine when the process has used a given amount of
// CPU time. It never wakes an idle process, and wakes a busy one within
// milliseconds.
//
// Polling cannot do both. Waking an idle process every 10 ms costs up to 2% of a
// core. Waking it every second misses a leak of 3 GB/s, which fills 300 MiB in 100
// ms. Such a leak uses CPU from its first page on, so the process's CPU clock is
// the cheapest way to notice it.
//
// # How it works
//
//  1. One thread, locked to one goroutine, blocks one real-time signal and
//     waits for it in rt_sigtimedwait(2).
//  2. [Clock.Arm] sets a one-shot POSIX timer on CLOCK_PROCESS_CPUTIME_ID
//     (timer_create(2)) that sends the signal to that thread alone
//     (SIGEV_THREAD_ID).
//  3. The thread takes the signal and puts a token into [Clock.C].
//
// # Why the signal does no harm
//
// The signal is directed at a thread that blocks it and waits for it. Therefore no
// handler ever runs, no system call of the host is interrupted with EINTR, and no
// other thread sees it. The timer does not survive fork or exec. The host's own use
// of SIGPROF, SIGALRM or os/signal is unaffected. If another process sends a signal
// of this number to the whole process, it is passed on to the main thread.
//
// If the kernel refuses (seccomp, gVisor) or the system is not Linux, [New] returns
// an error that wraps [errors.ErrUnsupported], and the caller must poll.
//
// # Cost
//
// One thread that sleeps in the kernel, and one more of the runtime's own: once a
// goroutine is locked to a thread, the runtime keeps a template thread. An idle
// process pays nothing else. The kernel checks CPU timers on its clock tick (4 ms
// at 250 Hz), so a timer can be up to a tick late.
//
// # Concurrency
//
// Arm and Close may be called from any goroutine.
package cpuclock
