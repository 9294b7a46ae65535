package profile

import (
	"errors"
	"fmt"
	"slices"
)

// Kind says what a profile shows. Its name is the name of the runtime's own
// profile where there is one, and of the file that holds it.
type Kind int

// The kinds of profile, and what each of them costs its process.
const (
	// Heap is memory in use and allocated, by the stack that allocated it,
	// as of a completed GC cycle. 10,000 stacks cost about 40 ms.
	Heap Kind = iota + 1
	// Goroutine is every goroutine's stack with its labels. 10,000
	// goroutines cost about 17 ms, a million with equal stacks about 1 s.
	Goroutine
	// GoroutineLeak is the goroutines that the garbage collector proves can
	// never be woken again. It needs Go 1.27, or 1.26 built with
	// GOEXPERIMENT=goroutineleakprofile, and costs a GC cycle.
	GoroutineLeak
	// CPU is where processor time goes while the profile is taken.
	CPU
	// Mutex is contention of locks; empty unless the host sets
	// runtime.SetMutexProfileFraction.
	Mutex
	// Block is time spent blocked; empty unless the host sets
	// runtime.SetBlockProfileRate.
	Block
	// Allocs is Heap with all that was ever allocated as its default view.
	Allocs
	// Threadcreate is the stacks that led to new operating system threads.
	Threadcreate

	kinds // one more than the last
)

var kindNames = [kinds]string{"", "heap", "goroutine", "goroutineleak", "cpu", "mutex", "block", "allocs", "threadcreate"}

// Kinds returns every kind, in the order in which an incident captures them.
func Kinds() []Kind {
	var all []Kind
	for k := Heap; k < kinds; k++ {
		all = append(all, k)
	}
	return all
}

// String returns the kind's name, such as 'heap'.
func (k Kind) String() string {
	if k < Heap || k >= kinds {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindNames[k]
}

// MarshalText writes the kind's name; a kind that does not exist is an error.
func (k Kind) MarshalText() ([]byte, error) {
	if k == 0 {
		return nil, errors.New("profile: the kind is not set")
	}
	if k < Heap || k >= kinds {
		return nil, fmt.Errorf("profile: there is no kind %d", int(k))
	}
	return []byte(kindNames[k]), nil
}

// UnmarshalText reads a kind's name.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kindNames[:], string(text))
	if i < int(Heap) {
		return fmt.Errorf("profile: no kind is called %q; there are %q", text, kindNames[Heap:])
	}
	*k = Kind(i)
	return nil
}
