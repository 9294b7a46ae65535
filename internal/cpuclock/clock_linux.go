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
	// Any real-time signal would do. Those at the low end belong to C
	// libraries, 64 to valgrind.
	wakeSignal = syscall.Signal(62)

	siTimer = -2 // si_code of a POSIX timer's signal
	siTkill = -6 // si_code of tgkill's
)

// sigevent is struct sigevent of sigevent(3type), with the thread's id as the
// first member of its union.
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

// siginfo is the head of siginfo_t of rt_sigtimedwait(2).
type siginfo struct {
	signo, errno, code int32
	_                  [116]byte
}

// Clock wakes its owner by the CPU time of the process.
type Clock struct {
	// C receives a token when an armed timer has expired.
	C <-chan struct{}

	mu      sync.Mutex
	timer   int32
	tid     int
	closed  bool
	stopped chan struct{}
}

// New starts the thread. The clock is not armed yet.
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

// start finds the thread. The main one will not do: it is whom a signal that is
// not ours is passed on to, and it must not block it.
func (c *Clock) start(wake chan<- struct{}, started chan<- error) {
	// Never unlocked: the thread ends with the goroutine, and its signal
	// mask with it.
	runtime.LockOSThread()
	if syscall.Gettid() != syscall.Getpid() {
		c.run(wake, started)
		return
	}
	// Held until the next goroutine has a thread, which is another one then.
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
		default: // the owner has not taken the last one yet
		}
	}
}

// wait returns true when the timer has expired, and false when the clock is
// closed.
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
			// Sent to the process by somebody else: it is not ours.
			tgkill(syscall.Getpid())
		}
	}
}

// Arm lets the clock expire once, when the process has used d more CPU time
// (of all its threads, user and system). It replaces an earlier Arm; d of 0 or
// less disarms.
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

// Close deletes the timer and ends the thread. It is idempotent.
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
