//go:build linux && !mips && !mipsle && !mips64 && !mips64le

package cpuclock

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

const (
	clockProcessCPUTime = 2
	sigevThreadID       = 4
	sigBlock            = 0
	// Any real-time signal would do. C libraries use those at the low end, and
	// valgrind uses 64.
	wakeSignal = syscall.Signal(62)

	siTimer = -2 // si_code of a signal from a POSIX timer
	siTkill = -6 // si_code of a signal from tgkill
)

// sigevent is struct sigevent of sigevent(3type), with the thread ID as the first
// member of its union.
type sigevent struct {
	value  uintptr
	signo  int32
	notify int32
	tid    int32
	_      [64]byte
}

// itimerspec is struct itimerspec of timer_settime(2).
type itimerspec struct {
	interval, value syscall.Timespec
}

// siginfo is the beginning of siginfo_t, which rt_sigtimedwait(2) fills.
type siginfo struct {
	signo, errno, code int32
	_                  [116]byte
}

// Clock wakes its owner after an amount of CPU time of the process.
type Clock struct {
	// C receives a token when an armed timer expires.
	C <-chan struct{}

	mu      sync.Mutex
	timer   int32
	tid     int
	closed  bool
	stopped chan struct{}
}

// New returns a clock that is not armed, and starts its thread.
func New() (*Clock, error) {
	wake := make(chan struct{}, 1)
	c := &Clock{C: wake, stopped: make(chan struct{})}
	started := make(chan error)
	go c.start(wake, started)
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// start picks a thread. It avoids the main thread, which receives the signals that
// are not ours and therefore must not block them.
func (c *Clock) start(wake chan<- struct{}, started chan<- error) {
	// Never unlocked, so that the thread ends with the goroutine and takes its signal
	// mask with it.
	runtime.LockOSThread()
	if syscall.Gettid() != syscall.Getpid() {
		c.run(wake, started)
		return
	}
	// Hold this thread until the next goroutine runs, which is then on another one.
	found := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(found)
		c.run(wake, started)
	}()
	<-found
	runtime.UnlockOSThread()
}

func (c *Clock) run(wake chan<- struct{}, started chan<- error) {
	defer close(c.stopped)
	set := uint64(1) << (wakeSignal - 1)
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, sigBlock,
		uintptr(unsafe.Pointer(&set)), 0, unsafe.Sizeof(set), 0, 0)
	if errno != 0 {
		started <- unsupported("rt_sigprocmask", errno)
		return
	}
	c.tid = syscall.Gettid()
	event := sigevent{signo: int32(wakeSignal), notify: sigevThreadID, tid: int32(c.tid)}
	_, _, errno = syscall.RawSyscall(syscall.SYS_TIMER_CREATE, clockProcessCPUTime,
		uintptr(unsafe.Pointer(&event)), uintptr(unsafe.Pointer(&c.timer)))
	if errno != 0 {
		started <- unsupported("timer_create", errno)
		return
	}
	started <- nil

	for c.wait(set) {
		select {
		case wake <- struct{}{}:
			// The owner is now in this processor's queue. The next system call would keep the
			// processor until the runtime takes it away, up to 20 ms later.
			runtime.Gosched()
		default: // the owner has not taken the last token yet
		}
	}
}

// wait returns true when the timer expires, and false when the clock is closed.
func (c *Clock) wait(set uint64) bool {
	for {
		var info siginfo
		_, _, errno := syscall.Syscall6(syscall.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)),
			uintptr(unsafe.Pointer(&info)), 0, unsafe.Sizeof(set), 0, 0)
		switch {
		case errno == syscall.EINTR || errno == syscall.EAGAIN:
			continue
		case errno != 0:
			return false
		case info.code == siTimer:
			return true
		}
		c.mu.Lock()
		closed := c.closed
		c.mu.Unlock()
		if closed {
			return false
		}
		if info.code != siTkill {
			// Somebody else sent it to the process: it is not ours.
			tgkill(syscall.Getpid())
		}
	}
}

// Arm makes the clock expire once, when the process has used d more CPU time (user
// and system, all threads). It replaces an earlier Arm. If d is 0 or less, it
// disarms the clock. It fails after Close.
func (c *Clock) Arm(d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errors.New("cpuclock: armed after Close")
	}
	spec := itimerspec{value: syscall.NsecToTimespec(max(d, 0).Nanoseconds())}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_TIMER_SETTIME, uintptr(c.timer), 0,
		uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("cpuclock: timer_settime: %w", errno)
	}
	return nil
}

// Close deletes the timer and ends the thread. It can be called more than once.
func (c *Clock) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		<-c.stopped
		return nil
	}
	c.closed = true
	syscall.RawSyscall(syscall.SYS_TIMER_DELETE, uintptr(c.timer), 0, 0)
	tgkill(c.tid)
	c.mu.Unlock()
	<-c.stopped
	return nil
}

func tgkill(tid int) {
	syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(syscall.Getpid()), uintptr(tid), uintptr(wakeSignal))
}

func unsupported(call string, errno syscall.Errno) error {
	return fmt.Errorf("cpuclock: %s: %w: %w", call, errors.ErrUnsupported, errno)
}
