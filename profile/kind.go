package profile

import (
	"errors"
	"fmt"
	"slices"
)

// Kind says what a profile shows. Its name is also the name of the file that
// holds the profile and, where the runtime has such a profile, the runtime's
// name for it. The zero value means that no kind is set; it does not marshal.
type Kind int

// The kinds of profile, with what capturing each costs the process.
const (
	// Heap shows memory in use and memory allocated, by allocating stack, as of
	// the last completed GC cycle. 10,000 stacks cost about 40 ms.
	Heap Kind = iota + 1
	// Goroutine shows the stack and labels of every goroutine. 10,000
	// goroutines cost about 17 ms, a million with equal stacks about 1 s.
	Goroutine
	// GoroutineLeak shows the goroutines that the garbage collector has proven
	// can never be woken again. It needs Go 1.27, or Go 1.26 built with
	// GOEXPERIMENT=goroutineleakprofile, and costs a GC cycle.
	GoroutineLeak
	// CPU shows where CPU time goes while the profile is taken.
	CPU
	// Mutex shows lock contention. It is empty unless the host program sets
	// [runtime.SetMutexProfileFraction].
	Mutex
	// Block shows where goroutines block. It is empty unless the host program
	// sets [runtime.SetBlockProfileRate].
	Block
	// Allocs has the data of Heap, but shows all memory ever allocated by
	// default.
	Allocs
	// Threadcreate shows the stacks that created operating system threads.
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

// String returns the kind's name, such as 'heap', or 'Kind(n)' for a value that
// is not a kind.
func (k Kind) String() string {
	if k < Heap || k >= kinds {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindNames[k]
}

// MarshalText returns the kind's name. It fails for the zero value and for a
// value that is not a kind.
func (k Kind) MarshalText() ([]byte, error) {
	if k == 0 {
		return nil, errors.New("profile: the kind is not set")
	}
	if k < Heap || k >= kinds {
		return nil, fmt.Errorf("profile: kind %d does not exist", int(k))
	}
	return []byte(kindNames[k]), nil
}

// UnmarshalText reads the name of a kind. It fails for any other text.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kindNames[:], string(text))
	if i < int(Heap) {
		return fmt.Errorf("profile: unknown kind %q: want one of %q", text, kindNames[Heap:])
	}
	*k = Kind(i)
	return nil
}
