package guardtest

import (
	"errors"
	"reflect"
	"strings"
	"sync"
)

// registry records which tests are using this package. What belongs to the whole
// process, such as its heap, can be measured only while one of them runs alone.
type registry struct {
	mu     sync.Mutex
	active map[*activity]struct{}
	last   int  // number of the newest activity
	ended  bool // Main has finished
}

// activity is the time during which a test uses this package.
type activity struct {
	r         *registry
	t         TestingT
	name      string
	number    int
	otherTest string // a test of another family that was active at the same time, or ""
	checks    bool   // VerifyNone was called
	base      *baseline
	// function is the one that called VerifyNone. twin reports whether a test of
	// another family that was active at the same time called it in the same function,
	// such as a parallel subtest of the same table.
	function string
	twin     bool
}

var tests registry

// enter records that a test begins to use this package.
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
			a.otherTest, b.otherTest = b.name, a.name
		}
	}
	r.active[a] = struct{}{}
	return a
}

// relatedTo reports whether two activities belong to one test, or to a test and one
// of its subtests. While the subtest runs, the outer test only waits.
func (a *activity) relatedTo(b *activity) bool {
	return a.name == b.name && sameTest(a.t, b.t) || strings.HasPrefix(a.name, b.name+"/") || strings.HasPrefix(b.name, a.name+"/")
}

// sameTest reports whether two tests are the same. A stand-in may be a struct that
// cannot be compared, for example because it has a slice. Then the names decide.
func sameTest(t, u TestingT) bool {
	if reflect.ValueOf(t).Comparable() && reflect.ValueOf(u).Comparable() {
		return t == u
	}
	return t.Name() == u.Name()
}

// concurrent returns the name of a test of another family that used this package at any
// time since enter, or "" if there was none.
func (a *activity) concurrent() string {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	return a.otherTest
}

// leave records that the test has finished. It can be called more than once.
func (a *activity) leave() {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	delete(a.r.active, a)
}

// end records that Main has finished.
func (r *registry) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}

// check records that the test calls VerifyNone in this function. It returns an
// error if it must not.
func (a *activity) check(function string) error {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	if a.r.ended {
		return errors.New("called after Main has counted the goroutines that are left, so that nothing would check")
	}
	for b := range a.r.active {
		if b != a && b.checks && sameTest(b.t, a.t) {
			return errors.New("called twice in one test: pass all options to one call")
		}
		if b.function == function && b.name != a.name && function != "" {
			a.twin, b.twin = true, true
		}
	}
	a.checks, a.function = true, function
	return nil
}

// blame records that this test has reported these goroutines. Those without a label
// are then not reported again by the tests around it.
func (a *activity) blame(groups []*group) {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	for b := range a.r.active {
		if b != a && b.base != nil && a.relatedTo(b) {
			b.base.add(groups)
		}
	}
}

// shared reports whether another test was running the function that called
// VerifyNone at the same time.
func (a *activity) shared() bool {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	return a.twin
}
