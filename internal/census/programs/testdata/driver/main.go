// The driver, with internal/leakprograms/testdata/register.go, repeats one leak
// program as a service would repeat a request that leaks. It takes a goroutine
// census after each round, in simulated time. It prints what the census flagged
// beside what stayed according to a dump of all goroutines.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/census"
	"github.com/leakguard/leakguard/internal/frames"
)

// calls is how often a round calls the program.
var calls = 1

// Group is a number of goroutines that do the same. Those of a dump are grouped by
// the programs' functions alone.
type Group struct {
	Root    string // the function they were started with
	Blocked string // the innermost function of the program's own
	Wait    string
	Count   int
	Reason  string `json:",omitempty"` // the census's reason for its state
}

// Result is the result of a run.
type Result struct {
	Copies   int
	Rounds   int
	Stayed   [4][]Group // dumps after the first, second, third and last quarter
	Flagged  []Group    // by the census
	Calm     []Group    // seen by the census but not flagged
	HasProof bool       // whether this runtime has the goroutineleak profile
	Leaked   []Group    // according to that profile
	Proven   []Group    // flagged by the census after that
}

func main() {
	name := os.Args[1]
	rounds, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fail(err)
	}
	interval, err := time.ParseDuration(os.Args[3])
	if err != nil {
		fail(err)
	}
	f := cmds[name]
	if f == nil {
		fail(fmt.Errorf("unknown program %q", name))
	}
	// Use as few copies as leave something behind: the census is for slow leaks.
	for _, size := range []struct{ copies, calls int }{{3, 1}, {30, 1}, {300, 1}, {3000, 1}, {3000, 5}} {
		copies.Store(int64(size.copies))
		calls = size.calls
		before := runtime.NumGoroutine()
		for range 6 {
			round(f)
		}
		quiet(300)
		if runtime.NumGoroutine() >= before+6 {
			break
		}
	}
	r := Result{Copies: int(copies.Load()) * calls}
	watch := census.NewWatch()
	for i := range rounds {
		round(f)
		watch.Observe(time.Duration(r.Rounds)*interval, take())
		r.Rounds++
		if (i+1)%(rounds/4) == 0 && (i+1)/(rounds/4) <= 4 {
			r.Stayed[(i+1)/(rounds/4)-1] = dump()
		}
	}
	for _, s := range watch.Sites() {
		if s.State >= census.Leaking {
			r.Flagged = append(r.Flagged, group(s))
		} else {
			r.Calm = append(r.Calm, group(s))
		}
	}
	if p := pprof.Lookup("goroutineleak"); p != nil {
		var blocked []frames.Frame
		if r.Leaked, blocked, err = leaked(p); err != nil {
			fail(err)
		}
		watch.Prove(blocked)
		r.HasProof = true
		for _, s := range watch.Sites() {
			if s.State == census.Proven {
				r.Proven = append(r.Proven, group(s))
			}
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// round runs f and lets a simulated minute pass.
func round(f func()) {
	for range calls {
		go f()
	}
	quiet(40)
}

// quiet waits until goroutines no longer come, go or wait elsewhere, for at most ms
// milliseconds. Those that still move then settle in a later round.
func quiet(ms int) {
	var last []census.Group
	for i, same := 0, 0; i < ms && same < 3; i++ {
		time.Sleep(time.Millisecond)
		groups := take()
		if same++; !slices.EqualFunc(groups, last, equal) {
			same = 0
		}
		last = append(last[:0], groups...)
	}
}

func equal(a, b census.Group) bool { return a.Key == b.Key && a.Count == b.Count }

var reader = census.NewReader("")

// take takes a census and sorts it.
func take() []census.Group {
	groups, err := reader.Take()
	if err != nil {
		fail(err)
	}
	slices.SortFunc(groups, func(a, b census.Group) int {
		return cmp.Or(strings.Compare(a.Function, b.Function), strings.Compare(a.Root, b.Root),
			strings.Compare(a.Wait, b.Wait), cmp.Compare(a.Line, b.Line))
	})
	return groups
}

func group(s census.Site) Group {
	return Group{Root: s.Root, Blocked: s.Function, Wait: s.Wait, Count: int(s.Count), Reason: s.State.String() + ": " + s.Reason}
}

// leaked returns the goroutines in the goroutineleak profile, and the frames that
// block.
func leaked(p *pprof.Profile) (groups []Group, blocked []frames.Frame, err error) {
	var b bytes.Buffer
	if err := p.WriteTo(&b, 0); err != nil {
		return nil, nil, err
	}
	parsed, err := profile.Parse(&b)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range parsed.Sample {
		var list []frames.Frame
		for _, loc := range s.Location {
			for _, line := range loc.Line {
				f := line.Function
				list = append(list, frames.Frame{Function: f.Name, File: f.Filename, Line: int(line.Line), StartLine: int(f.StartLine)})
			}
		}
		wait, at, root := frames.Wait(list, "")
		if at < 0 || root < 0 {
			continue
		}
		blocked = append(blocked, list[at])
		groups = append(groups, Group{Root: list[root].Function, Blocked: list[at].Function, Wait: wait, Count: int(s.Value[0])})
	}
	return groups, blocked, nil
}

// dump groups the goroutines of the text dump by the programs' functions.
func dump() []Group {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	counts := make(map[Group]int)
	for _, stack := range strings.Split(string(buf), "\n\n")[1:] { // the first is this one
		lines := strings.Split(strings.TrimSpace(stack), "\n")
		_, wait, _ := strings.Cut(lines[0], "[")
		wait, _, _ = strings.Cut(strings.TrimSuffix(wait, "]:"), ",")
		g := Group{Wait: wait}
		for _, line := range lines[1:] {
			if strings.HasPrefix(line, "\t") || strings.HasPrefix(line, "created by ") {
				continue
			}
			if i := strings.LastIndex(line, "("); i > 0 {
				line = line[:i]
			}
			g.Root = line
			if g.Blocked == "" && strings.HasPrefix(line, "main.") {
				g.Blocked = line
			}
		}
		if g.Blocked != "" {
			counts[g]++
		}
	}
	var groups []Group
	for g, n := range counts {
		g.Count = n
		groups = append(groups, g)
	}
	return groups
}
