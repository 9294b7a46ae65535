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

// NoDescriptorLeak fails the test if file descriptors that were opened since are
// still open when it has ended: files, sockets, pipes. Call it at the top of a test. The
// failure names each with what it is open on and, where [runtime.MemProfileRate] is 1
// (see [FullMemProfile]), the line that opened it.
//
// It is a call of its own and not an option of [VerifyNone], whose promise is that
// what other tests do never matters: descriptors belong to the whole process and
// nothing tells whose they are. Those that are found while another test uses this
// package fail as inconclusive, so do not call it from a parallel test. It has the
// option [Patience]. Idle connections of http.DefaultTransport are closed first.
//
// A file that nothing refers to is closed by the garbage collector sooner or later;
// a collection that comes before the end of the test hides that it was forgotten.
//
// It works on Linux, where /proc/self/fd is. Elsewhere it knows nothing and does not fail; a test that has
// Logf is told so. The cost is one readlink(2) and fstat(2) per open descriptor, twice: 20 µs
// for ten of them.
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
			// Who opened them is a help, not the finding.
			sites, _ := opened.since()
			t.Errorf("guardtest: %s", descriptorText(left, sites, a.with()))
		}
	})
}

// errNoDescriptors is what openDescriptors says on other systems than Linux.
var errNoDescriptors = errors.New("this system does not tell which descriptors are open")

// logTo tells a test what is no failure, if it can be told.
func logTo(t TestingT, format string, args ...any) {
	if l, ok := t.(interface{ Logf(string, ...any) }); ok {
		l.Logf(format, args...)
	}
}

// descriptor is an open one: what /proc says that it is open on.
type descriptor struct {
	number int
	target string // such as '/tmp/x', 'socket:[1234]', 'pipe:[1234]'
}

// opening is what a descriptor is open on.
type opening struct {
	target string
	// dev and ino tell that it is still the same file when that was renamed or removed
	// and so has another target; zero where they are not known.
	dev, ino uint64
}

func (o opening) same(p opening) bool {
	return o.target == p.target || o.ino != 0 && o.ino == p.ino && o.dev == p.dev
}

// awaitClosed returns the descriptors that were not open before and are open
// when the patience has ended.
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

// openedSince returns what is open now and was not, or was something else.
func openedSince(base, now map[int]opening) []descriptor {
	var left []descriptor
	for _, number := range slices.Sorted(maps.Keys(now)) {
		if !now[number].same(base[number]) {
			left = append(left, descriptor{number, now[number].target})
		}
	}
	return left
}

// mostDescriptors are listed of those that are left.
const mostDescriptors = 20

func descriptorText(left []descriptor, opened []site, company string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "\n  "+format, args...) }
	if company != "" {
		b.WriteString("inconclusive: ")
	}
	number := "a descriptor that was opened in this test is"
	if len(left) > 1 {
		number = fmt.Sprintf("%d descriptors that were opened in this test are", len(left))
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
	case company != "":
		line("%s used guardtest at the same time: they may be its. Do not call", company)
		line("NoDescriptorLeak from a parallel test.")
	case len(opened) > 0:
		line("files and connections that were opened, and are still referred to, come from")
		// Without their numbers: the libraries make several objects for one.
		writeSites(line, opened, func(site) string { return "" })
	case fullRate.full():
		line("nothing in os or net refers to them any more: whoever opened them forgot Close")
	default:
		line("for the lines that opened them: guardtest.Main(m, guardtest.FullMemProfile()) in TestMain")
	}
	return strings.TrimRight(b.String(), "\n")
}

// what says what it is open on.
func (d descriptor) what() string {
	inode, isSocket := strings.CutPrefix(d.target, "socket:[")
	switch {
	case isSocket:
		if s := describeSocket(strings.TrimSuffix(inode, "]")); s != "" {
			return s
		}
		return "a socket that is no longer in any table of the kernel's: not connected, or of another family"
	case strings.HasPrefix(d.target, "pipe:["):
		return "a pipe, " + d.target
	case strings.HasPrefix(d.target, "anon_inode:"):
		return strings.Trim(strings.TrimPrefix(d.target, "anon_inode:"), "[]") + " (of the kernel's, no file)"
	}
	return d.target
}
