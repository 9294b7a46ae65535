package cpuclock

import (
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/guardtest"
)

func burn(d time.Duration) (wall time.Duration) {
	start := time.Now()
	for time.Since(start) < d {
	}
	return time.Since(start)
}

func open(t testing.TB) *Clock {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestWakesOnceWhenCPUIsBurned(t *testing.T) {
	c := open(t)
	if err := c.Arm(10 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	burn(200 * time.Millisecond)
	select {
	case <-c.C:
	case <-time.After(5 * time.Second):
		t.Fatal("burned 200 ms of CPU, and a clock armed at 10 ms did not wake")
	}
	burn(100 * time.Millisecond)
	select {
	case <-c.C:
		t.Fatal("a one-shot clock woke twice")
	default:
	}
}

func TestSleepsWhileTheProcessIdles(t *testing.T) {
	c := open(t)
	c.Arm(time.Minute)
	select {
	case <-c.C:
		t.Fatal("woke although a minute of CPU was not used in 50 ms")
	case <-time.After(50 * time.Millisecond):
	}
}

func TestDisarm(t *testing.T) {
	c := open(t)
	c.Arm(20 * time.Millisecond)
	c.Arm(0)
	burn(100 * time.Millisecond)
	select {
	case <-c.C:
		t.Fatal("a disarmed clock woke")
	default:
	}
}

func TestCloseEndsTheThreadAndIsIdempotent(t *testing.T) {
	before := threads(t)
	for range 20 {
		c, err := New()
		if err != nil {
			t.Skip(err)
		}
		c.Arm(time.Millisecond)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := c.Arm(time.Second); err == nil {
			t.Fatal("a closed clock could be armed")
		}
	}
	deadline := time.Now().Add(5 * time.Second)
	for threads(t) > before+8 { // the runtime keeps some of its own
		if time.Now().After(deadline) {
			t.Fatalf("%d threads before, %d after 20 clocks", before, threads(t))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func init() { runtime.LockOSThread() } // so that TestMain has the main thread

// onMain is the result of New on the main thread, which would have been the next to
// run the clock's goroutine.
var onMain struct {
	clock *Clock
	err   error
	isIt  bool
}

func TestMain(m *testing.M) {
	procs := runtime.GOMAXPROCS(1)
	// Unlocked as late as possible: from here on a busy machine may move it.
	onMain.isIt = syscall.Gettid() == syscall.Getpid()
	runtime.UnlockOSThread()
	onMain.clock, onMain.err = New()
	runtime.GOMAXPROCS(procs)
	if onMain.err == nil {
		onMain.clock.Close()
	}
	guardtest.Main(m)
}

func TestMainThreadIsLeftAlone(t *testing.T) {
	if onMain.err != nil {
		t.Skip(onMain.err)
	}
	if !onMain.isIt {
		t.Error("TestMain did not run on the main thread")
	}
	if onMain.clock.tid == syscall.Getpid() {
		t.Error("the clock took the main thread, to which it passes on what is not its own")
	}
}

// A signal of the same number sent to the whole process belongs to the host.
func TestForeignSignalReachesTheHost(t *testing.T) {
	c := open(t)
	got := make(chan os.Signal, 1)
	signal.Notify(got, wakeSignal)
	defer signal.Stop(got)
	for range 10 {
		if err := syscall.Kill(syscall.Getpid(), wakeSignal); err != nil {
			t.Fatal(err)
		}
		select {
		case <-got:
		case <-time.After(5 * time.Second):
			t.Fatal("the host's signal was swallowed")
		}
	}
	select {
	case <-c.C:
		t.Fatal("a foreign signal woke the clock")
	default:
	}
}

// The mask of the locked thread must not leak into children.
func TestChildDoesNotInheritTheMask(t *testing.T) {
	open(t)
	out, err := exec.Command("grep", "SigBlk", "/proc/self/status").Output()
	if err != nil {
		t.Skip(err)
	}
	if want := "SigBlk:\t0000000000000000\n"; string(out) != want {
		t.Fatalf("a child process starts with %q, want %q", out, want)
	}
}

func BenchmarkArm(b *testing.B) {
	c := open(b)
	b.ReportAllocs()
	for b.Loop() {
		c.Arm(time.Hour)
	}
}

func threads(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Skip(err)
	}
	runtime.Gosched()
	return len(entries)
}
