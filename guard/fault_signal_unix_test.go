//go:build unix

package guard

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/leakguard/leakguard/profile/incident"
)

func TestCaptureOnSignal(t *testing.T) {
	// Without a guard the signal would end the test.
	hosts := make(chan os.Signal, 10)
	signal.Notify(hosts, syscall.SIGUSR1)
	defer signal.Stop(hosts)
	box := newMailbox("box")
	g, _ := startGuard(t, Config{CaptureOnSignal: true, Sinks: []Sink{box}})
	deaf, _ := startGuard(t, Config{})
	for range 2 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		box.next(t, Opened)
		i := box.next(t, Captured).Incident
		wants(t, i, "heap.pb.gz", "goroutine.pb.gz", "manifest.json")
		if i.Trigger != incident.TriggerSignal {
			t.Errorf("trigger %q", i.Trigger)
		}
		<-hosts // the host still gets it too
		waitFor(t, "the capture to be booked", func() bool { return g.Snapshot().Counters.Captures > 0 })
	}
	if n := deaf.Snapshot().Counters.Incidents; n != 0 {
		t.Errorf("a guard without the option made %d incidents", n)
	}
	mustClose(t, g)
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	<-hosts
	box.empty(t)
}
