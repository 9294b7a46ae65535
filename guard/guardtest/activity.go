package guardtest

import (
	"errors"
	"reflect"
	"strings"
	"sync"
)

// registry knows which tests use this package now: what belongs to the whole
// process, such as its heap, can only be measured while one of them runs alone.
type registry struct {
	mu     sync.Mutex
	active map[*activity]struct{}
	last   int  // number of the activity that was entered last
	ended  bool // Main has ended
}

// activity is the time during which a test uses this package.
type activity struct {
	r       *registry
	t       TestingT
	name    string
	number  int
	company string // a test of another family that was active at the same time
	checks  bool   // VerifyNone was called
	base    *baseline
	// function called VerifyNone, and twin is a test of another family that was
	// active at the same time with the same one: such as two parallel subtests
	// of one table.
	function string
	twin     bool
}

var tests registry

// enter notes that a test begins to use this package.
func enter(t TestingT) *activity { return tests.enter(t) }

func (r *registry) enter(t TestingT) *activity {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active == nil {
		r.active = make(map[*activity]struct{})
	}
	r.last++
	a := &activity{r: r, t: t, name: t.Name(), number: r.last}
	for b := range r.active {
		if !a.relatedTo(b) {
			a.company, b.company = b.name, a.name
		}
	}
	r.active[a] = struct{}{}
	return a
}

// relatedTo reports whether two activities are of one test, or of a test and one
// of its subtests: while that runs, the outer one only waits.
func (a *activity) relatedTo(b *activity) bool {
	return a.name == b.name && sameTest(a.t, b.t) || strings.HasPrefix(a.name, b.name+"/") || strings.HasPrefix(b.name, a.name+"/")
}

// sameTest reports whether two tests are one. A stand-in that is a struct with, say,
// a slice cannot be compared; then its name has to do.
func sameTest(t, u TestingT) bool {
	if reflect.ValueOf(t).Comparable() && reflect.ValueOf(u).Comparable() {
		return t == u
	}
	return t.Name() == u.Name()
}

// with returns the name of a test of another family that used this package at
// any moment since enter; "" if there was none.
func (a *activity) with() string {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	return a.company
}

// leave notes that the test has done. It may be called more than once.
func (a *activity) leave() {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	delete(a.r.active, a)
}

// end notes that Main has ended.
func (r *registry) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}

// check notes that the test calls VerifyNone in this function, and returns an
// error where it must not.
func (a *activity) check(function string) error {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	if a.r.ended {
		return errors.New("it is called after Main has counted what is left: nobody would look any more")
	}
	for b := range a.r.active {
		if b != a && b.checks && sameTest(b.t, a.t) {
			return errors.New("it is called twice in one test: give all options to one call")
		}
		if b.function == function && b.name != a.name && function != "" {
			a.twin, b.twin = true, true
		}
	}
	a.checks, a.function = true, function
	return nil
}

// blame notes that goroutines without a label have been reported by this test,
// so that the tests around it do not report them again.
func (a *activity) blame(groups []*group) {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	for b := range a.r.active {
		if b != a && b.base != nil && a.relatedTo(b) {
			b.base.add(groups)
		}
	}
}

// shared reports whether another test ran the function that called VerifyNone
// at the same time.
func (a *activity) shared() bool {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	return a.twin
}
