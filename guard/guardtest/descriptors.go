package guardtest

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// NoDescriptorLeak fails the test if file descriptors that were opened during the
// test are still open after it has ended: files, sockets, pipes. Call it at the top
// of a test. The failure says what each descriptor is open on. If
// [runtime.MemProfileRate] is 1 (see [FullMemProfile]), it also names the lines
// that opened files and connections.
//
// Descriptors belong to the whole process, and nothing shows which test opened one.
// If a leak is found while another test uses this package, the failure is marked
// inconclusive. So do not call NoDescriptorLeak from a parallel test. For the same
// reason it is not an option of [VerifyNone], which other tests must never affect.
//
// The check waits for the [Patience], the only option. It closes idle connections
// of http.DefaultTransport first. The garbage collector closes files that nothing
// refers to: if it runs before the end of the test, it hides that a Close is
// missing.
//
// NoDescriptorLeak needs Linux, where /proc/self/fd exists. Elsewhere it does
// nothing but log that, if the test has a method Logf. It calls readlink(2) and
// fstat(2) twice per open descriptor, which takes 20 µs for ten of them.
func NoDescriptorLeak(t TestingT, opts ...Option) {
	t.Helper()
	o, err := buildOptions(forNoDescriptorLeak, opts)
	if err != nil {
		t.Errorf("guardtest: %v", err)
		return
	}
	a := enter(t)
	base, err := openDescriptors()
	if err != nil {
		a.leave()
	}
	if errors.Is(err, errNoDescriptors) {
		logTo(t, "guardtest: NoDescriptorLeak: cannot know on %s which descriptors are open: nothing is checked", runtime.GOOS)
		return
	}
	if err != nil {
		t.Errorf("guardtest: NoDescriptorLeak: %v", err)
		return
	}
	opened := recordedAllocations(descriptorAllocators)
	t.Cleanup(func() {
		t.Helper()
		defer a.leave()
		left, err := awaitClosed(base, o.patience)
		switch {
		case err != nil:
			t.Errorf("guardtest: NoDescriptorLeak: %v", err)
		case len(left) > 0:
			// The sites help, but the finding stands without them.
			sites, _ := opened.since()
			t.Errorf("guardtest: %s", descriptorText(left, sites, a.concurrent()))
		}
	})
}

// errNoDescriptors is returned by openDescriptors on systems other than Linux.
var errNoDescriptors = errors.New("this system does not list open descriptors")

// logTo logs something that is not a failure, if the test has a log.
func logTo(t TestingT, format string, args ...any) {
	if l, ok := t.(interface{ Logf(string, ...any) }); ok {
		l.Logf(format, args...)
	}
}

// descriptor is an open descriptor with its target in /proc.
type descriptor struct {
	number int
	target string // such as '/tmp/x', 'socket:[1234]', 'pipe:[1234]'
}

// opening is what a descriptor is open on.
type opening struct {
	target string
	// dev and ino identify a file that is renamed or removed, which changes its
	// target. They are zero if unknown.
	dev, ino uint64
}

func (o opening) same(p opening) bool {
	return o.target == p.target || o.ino != 0 && o.ino == p.ino && o.dev == p.dev
}

// awaitClosed returns the descriptors that were not open before and are still open
// when the patience ends.
func awaitClosed(base map[int]opening, patience time.Duration) ([]descriptor, error) {
	deadline := time.Now().Add(patience)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		now, err := openDescriptors()
		if err != nil {
			return nil, err
		}
		left := openedSince(base, now)
		if len(left) == 0 || !time.Now().Before(deadline) {
			return left, nil
		}
		closeIdleConnections()
		time.Sleep(min(pause, time.Until(deadline)))
	}
}

// openedSince returns the descriptors that are open now but were not, or were open
// on something else.
func openedSince(base, now map[int]opening) []descriptor {
	var left []descriptor
	for _, number := range slices.Sorted(maps.Keys(now)) {
		if !now[number].same(base[number]) {
			left = append(left, descriptor{number, now[number].target})
		}
	}
	return left
}

// mostDescriptors is how many open descriptors are listed.
const mostDescriptors = 20

func descriptorText(left []descriptor, opened []site, otherTest string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "\n  "+format, args...) }
	if otherTest != "" {
		b.WriteString("inconclusive: ")
	}
	number := "a descriptor opened in this test is"
	if len(left) > 1 {
		number = fmt.Sprintf("%d descriptors opened in this test are", len(left))
	}
	fmt.Fprintf(&b, "%s still open: %s", number, left[0].what())
	b.WriteString("\n")
	for _, d := range left[:min(len(left), mostDescriptors)] {
		line("descriptor %d: %s", d.number, d.what())
	}
	if rest := len(left) - mostDescriptors; rest > 0 {
		line("and %d more", rest)
	}
	b.WriteString("\n")
	switch {
	case otherTest != "":
		line("%s used guardtest at the same time and may have opened them. Do not call", otherTest)
		line("NoDescriptorLeak from a parallel test.")
	case len(opened) > 0:
		line("files and connections that are still referenced were opened at")
		// Without the numbers, because the libraries allocate several objects for one
		// descriptor.
		writeSites(line, opened, func(site) string { return "" })
	case fullRate.full():
		line("nothing in os or net refers to them any more: a Close is missing")
	default:
		line("to see the lines that opened them, call guardtest.Main(m, guardtest.FullMemProfile()) in TestMain")
	}
	return strings.TrimRight(b.String(), "\n")
}

// what describes what it is open on.
func (d descriptor) what() string {
	inode, isSocket := strings.CutPrefix(d.target, "socket:[")
	switch {
	case isSocket:
		if s := describeSocket(strings.TrimSuffix(inode, "]")); s != "" {
			return s
		}
		return "a socket that is in none of the kernel's tables any more: not connected, or of another family"
	case strings.HasPrefix(d.target, "pipe:["):
		return "a pipe, " + d.target
	case strings.HasPrefix(d.target, "anon_inode:"):
		return strings.Trim(strings.TrimPrefix(d.target, "anon_inode:"), "[]") + " (a kernel object, not a file)"
	}
	return d.target
}
