package gcend

import (
	"runtime"
	"testing"
	"time"
)

func TestEachCycleWakes(t *testing.T) {
	n := Notify()
	defer n.Stop()
	for cycle := range 5 {
		runtime.GC()
		select {
		case <-n.C:
		case <-time.After(10 * time.Second):
			t.Fatalf("cycle %d did not wake", cycle)
		}
	}
}

func TestNoCycleNoWake(t *testing.T) {
	n := Notify()
	defer n.Stop()
	select {
	case <-n.C:
		t.Fatal("woke without a cycle")
	case <-time.After(20 * time.Millisecond):
	}
}

func TestStopIsSilentAndIdempotent(t *testing.T) {
	n := Notify()
	n.Stop()
	n.Stop()
	for range 3 {
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
	}
	select {
	case <-n.C:
		t.Fatal("woke after Stop")
	default:
	}
}
