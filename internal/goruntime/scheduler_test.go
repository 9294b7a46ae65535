package goruntime

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestWakeups(t *testing.T) {
	var w Wakeups
	before := w.Read()
	if before < 0 {
		t.Fatalf("Wakeups = %d: this toolchain has no %s", before, schedLatencies)
	}
	// Two goroutines that wake each other become runnable once for each message.
	const messages = 80_000
	ping, pong := make(chan int), make(chan int)
	go func() {
		for n := range ping {
			pong <- n
		}
		close(pong)
	}()
	for n := range messages / 2 {
		ping <- n
		<-pong
	}
	close(ping)
	<-pong
	// A goroutine that does not have to wait is not woken, so only a part is
	// required.
	if got := w.Read() - before; got < messages/8 || got > 10*messages {
		t.Errorf("%d wake-ups for %d messages", got, messages)
	}
}

func TestWakeupsAllocateNothing(t *testing.T) {
	var w Wakeups
	w.Read()
	if n := testing.AllocsPerRun(100, func() { w.Read() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkWakeups(b *testing.B) {
	var w Wakeups
	w.Read()
	b.ReportAllocs()
	for b.Loop() {
		w.Read()
	}
}

// TestAsyncTimers runs itself with and without the setting.
func TestAsyncTimers(t *testing.T) {
	const child = "GORUNTIME_TEST_ASYNC_TIMERS"
	if os.Getenv(child) != "" {
		time.NewTimer(time.Hour).Stop()
		if AsyncTimers() {
			t.Log("async timers")
		}
		return
	}
	for setting, want := range map[string]bool{"asynctimerchan=1": true, "asynctimerchan=0": false, "": false} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAsyncTimers$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1", "GODEBUG="+setting)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("GODEBUG=%s: %v\n%s", setting, err, out)
		}
		if got := strings.Contains(string(out), "async timers"); got != want {
			t.Errorf("GODEBUG=%s: AsyncTimers = %v, want %v", setting, got, want)
		}
	}
}
