package relaytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// Shape describes a generated profile.
type Shape struct {
	Threads, Ticks  int
	Period          uint64  // ns between ticks
	Start           uint64  // of the first tick, in ns
	Frames, Stacks  int     // used and unused
	Depth           int     // of the deepest stack
	Change          float64 // how likely a thread has another stack than a tick before
	ActiveChange    float64 // the same for the active thread
	Idle            float64 // how likely a stack is empty
	Churn           float64 // how likely a new thread takes the place of another at a tick
	Quoted, Spaced  bool    // numbers as strings; white space between everything
	Disorder        float64 // how likely a tick is out of order
	ExtraFields     bool    // samples have fields that the format does not
	ThreadsNotSaved bool    // no thread_metadata
}

// Generate returns a profile of this shape, as sentry-go v0.30.0 would write it.
func Generate(r *rand.Rand, s Shape) []byte {
	const activeThread = 7
	var b bytes.Buffer
	b.Grow(s.Threads*s.Ticks*70 + s.Frames*200 + 4096)
	b.WriteString(`{"device":{"architecture":"amd64","classification":"","locale":"","manufacturer":"","model":""},"environment":"production","event_id":"00112233445566778899aabbccddeeff","os":{"build_number":"","name":"linux","version":""},"platform":"go","release":"v1","dist":"","runtime":{"name":"go","version":"go1.26"},"timestamp":"2026-11-20T10:15:30.123456789Z","profile":{"frames":[`)
	for i := range s.Frames {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"function":"(*server).handle%d","module":"example.com/shop/internal/pkg%d","abs_path":"/src/shop/internal/pkg%d/a \"b\" \\.go","lineno":%d,"in_app":%t}`, i, i%37, i%37, 10+i, i%3 == 0)
	}
	stacks := make([]string, s.Stacks)
	for i := range stacks {
		if r.Float64() < s.Idle || s.Frames == 0 {
			stacks[i] = "[]"
			continue
		}
		n := 1 + r.IntN(s.Depth)
		ids := make([]int, n)
		for k := range ids {
			ids[k] = r.IntN(s.Frames)
		}
		text, _ := json.Marshal(ids)
		stacks[i] = string(text)
	}
	b.WriteString(`],"samples":[`)
	id := make([]int, s.Threads)
	at := make([]int, s.Threads)
	next := 100
	seen := map[int]bool{}
	for i := range id {
		id[i], at[i] = next, r.IntN(s.Stacks)
		next += 1 + r.IntN(3)
	}
	if s.Threads > 0 {
		id[r.IntN(s.Threads)] = activeThread
	}
	first := true
	for tick := range s.Ticks {
		t := s.Start + uint64(tick)*s.Period + uint64(r.IntN(1000))
		if r.Float64() < s.Disorder {
			t /= 2
		}
		for i := range id {
			change := s.Change
			if id[i] == activeThread {
				change = s.ActiveChange
			} else if r.Float64() < s.Churn {
				id[i] = next
				next++
			}
			if r.Float64() < change {
				at[i] = r.IntN(s.Stacks)
			}
			seen[id[i]] = true
			if !first {
				b.WriteByte(',')
			}
			first = false
			switch {
			case s.Quoted:
				fmt.Fprintf(&b, `{"thread_id":"%d","stack_id":%d,"elapsed_since_start_ns":"%d"}`, id[i], at[i], t)
			case s.ExtraFields && r.IntN(2) == 0:
				fmt.Fprintf(&b, `{"stack_id":%d,"queue_address":"0x[{\"","thread_id":%d,"x":{"y":[1,2,{}]},"elapsed_since_start_ns":%d}`, at[i], id[i], t)
			default:
				fmt.Fprintf(&b, `{"elapsed_since_start_ns":%d,"stack_id":%d,"thread_id":%d}`, t, at[i], id[i])
			}
		}
	}
	b.WriteString(`],"stacks":[`)
	for i, st := range stacks {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(st)
	}
	b.WriteString(`]`)
	if !s.ThreadsNotSaved {
		b.WriteString(`,"thread_metadata":{"1":{"name":"Goroutine 1"}`)
		for i := range next {
			if seen[i] {
				fmt.Fprintf(&b, `,"%d":{"name":"Goroutine %d"}`, i, i)
			}
		}
		b.WriteString(`}`)
	}
	fmt.Fprintf(&b, `},"transaction":{"active_thread_id":%d,"duration_ns":%d,"id":"ffeeddccbbaa99887766554433221100","name":"GET /","trace_id":"0123456789abcdef0123456789abcdef"},"version":"1"}`, activeThread, uint64(s.Ticks)*s.Period)
	if s.Spaced {
		var out bytes.Buffer
		if err := json.Indent(&out, b.Bytes(), "\r\n", "\t "); err != nil {
			panic(err)
		}
		return out.Bytes()
	}
	return b.Bytes()
}

// Crowd is the shape of n goroutines of which one works and the others are parked,
// recorded at 101 Hz as sentry-go v0.30.0 does: 67 bytes a sample.
func Crowd(n int, seconds float64) Shape {
	return Shape{
		Threads: n, Ticks: int(seconds * 101), Period: 9_900_990, Frames: 300, Stacks: 400, Depth: 20,
		Change: 0.0002, ActiveChange: 0.5,
	}
}

// Random returns the shape of some small profile.
func Random(r *rand.Rand) Shape {
	s := Shape{
		Threads: r.IntN(8), Ticks: r.IntN(40), Period: 9_900_990, Frames: r.IntN(12), Stacks: 1 + r.IntN(90), Depth: 6,
		Change: r.Float64(), ActiveChange: r.Float64(), Quoted: r.IntN(4) == 0, Spaced: r.IntN(4) == 0,
		ExtraFields: r.IntN(3) == 0, ThreadsNotSaved: r.IntN(5) == 0,
	}
	if r.IntN(2) == 0 {
		s.Idle = r.Float64()
	}
	if r.IntN(3) == 0 {
		s.Churn = r.Float64() / 2
	}
	if r.IntN(4) == 0 {
		s.Disorder = 0.2
	}
	if r.IntN(4) == 0 {
		s.Start = 29_900_000_000
	}
	return s
}

// Envelope returns an envelope as v0.30.0 writes it around a profile,
// with its transaction; nil is no profile.
func Envelope(profile []byte) []byte {
	var b bytes.Buffer
	b.WriteString(`{"event_id":"ffeeddccbbaa99887766554433221100","sent_at":"2026-11-20T10:15:40Z","dsn":"http://key@127.0.0.1/1","sdk":{"name":"sentry.go","version":"0.30.0"}}` + "\n")
	AddItem(&b, "transaction", "", []byte(`{"event_id":"ffeeddccbbaa99887766554433221100","type":"transaction","transaction":"GET /"}`))
	if profile != nil {
		AddItem(&b, "profile", "", profile)
	}
	return b.Bytes()
}

// AddItem appends an item to an envelope; name is an attachment's, or empty.
func AddItem(b *bytes.Buffer, kind, name string, payload []byte) {
	if name != "" {
		name = fmt.Sprintf(`,"filename":%q`, name)
	}
	fmt.Fprintf(b, `{"type":%q,"length":%d%s}`+"\n", kind, len(payload), name)
	b.Write(payload)
	b.WriteByte('\n')
}
