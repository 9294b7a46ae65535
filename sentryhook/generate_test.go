package sentryhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// profileShape is what a generated profile looks like. It is written by hand as
// sentry-go v0.30.0 would write it.
type profileShape struct {
	threads, ticks  int
	period          uint64 // ns between ticks
	start           uint64 // of the first tick
	frames, stacks  int    // used and unused
	depth           int
	change          float64 // how likely a thread has another stack than a tick before
	activeChange    float64
	idle            float64 // how likely a stack is empty
	churn           float64 // how likely a thread is replaced by a new one at a tick
	quoted, spaced  bool    // numbers as strings; white space between everything
	disorder        float64 // how likely a tick is out of order
	extraFields     bool
	threadsNotSaved bool // no thread_metadata
}

// generate returns a profile of the shape.
func generate(r *rand.Rand, s profileShape) []byte {
	const activeThread = 7
	var b bytes.Buffer
	b.Grow(s.threads*s.ticks*70 + s.frames*200 + 4096)
	b.WriteString(`{"device":{"architecture":"amd64","classification":"","locale":"","manufacturer":"","model":""},"environment":"production","event_id":"00112233445566778899aabbccddeeff","os":{"build_number":"","name":"linux","version":""},"platform":"go","release":"v1","dist":"","runtime":{"name":"go","version":"go1.26"},"timestamp":"2026-11-20T10:15:30.123456789Z","profile":{"frames":[`)
	for i := range s.frames {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"function":"(*server).handle%d","module":"example.com/shop/internal/pkg%d","abs_path":"/src/shop/internal/pkg%d/a \"b\" \\.go","lineno":%d,"in_app":%t}`, i, i%37, i%37, 10+i, i%3 == 0)
	}
	stacks := make([]string, s.stacks)
	for i := range stacks {
		if r.Float64() < s.idle || s.frames == 0 {
			stacks[i] = "[]"
			continue
		}
		n := 1 + r.IntN(s.depth)
		ids := make([]int, n)
		for k := range ids {
			ids[k] = r.IntN(s.frames)
		}
		text, _ := json.Marshal(ids)
		stacks[i] = string(text)
	}
	b.WriteString(`],"samples":[`)
	id := make([]int, s.threads)
	at := make([]int, s.threads)
	next := 100
	seen := map[int]bool{}
	for i := range id {
		id[i], at[i] = next, r.IntN(s.stacks)
		next += 1 + r.IntN(3)
	}
	if s.threads > 0 {
		id[r.IntN(s.threads)] = activeThread
	}
	first := true
	for tick := range s.ticks {
		t := s.start + uint64(tick)*s.period + uint64(r.IntN(1000))
		if r.Float64() < s.disorder {
			t /= 2
		}
		for i := range id {
			change := s.change
			if id[i] == activeThread {
				change = s.activeChange
			} else if r.Float64() < s.churn {
				id[i] = next
				next++
			}
			if r.Float64() < change {
				at[i] = r.IntN(s.stacks)
			}
			seen[id[i]] = true
			if !first {
				b.WriteByte(',')
			}
			first = false
			switch {
			case s.quoted:
				fmt.Fprintf(&b, `{"thread_id":"%d","stack_id":%d,"elapsed_since_start_ns":"%d"}`, id[i], at[i], t)
			case s.extraFields && r.IntN(2) == 0:
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
	if !s.threadsNotSaved {
		b.WriteString(`,"thread_metadata":{"1":{"name":"Goroutine 1"}`)
		for i := range next {
			if seen[i] {
				fmt.Fprintf(&b, `,"%d":{"name":"Goroutine %d"}`, i, i)
			}
		}
		b.WriteString(`}`)
	}
	fmt.Fprintf(&b, `},"transaction":{"active_thread_id":%d,"duration_ns":%d,"id":"ffeeddccbbaa99887766554433221100","name":"GET /","trace_id":"0123456789abcdef0123456789abcdef"},"version":"1"}`, activeThread, uint64(s.ticks)*s.period)
	if s.spaced {
		var out bytes.Buffer
		if err := json.Indent(&out, b.Bytes(), "\r\n", "\t "); err != nil {
			panic(err)
		}
		return out.Bytes()
	}
	return b.Bytes()
}

// crowd is the shape of n parked goroutines beside a working one, for so many
// seconds at 101 Hz, as v0.30.0 records them: 67 bytes a sample.
func crowd(n int, secs float64) profileShape {
	return profileShape{
		threads: n, ticks: int(secs * 101), period: 9_900_990, frames: 300, stacks: 400, depth: 20,
		change: 0.0002, activeChange: 0.5,
	}
}

// random returns some shape of a small profile.
func random(r *rand.Rand) profileShape {
	s := profileShape{
		threads: r.IntN(8), ticks: r.IntN(40), period: 9_900_990, frames: r.IntN(12), stacks: 1 + r.IntN(90), depth: 6,
		change: r.Float64(), activeChange: r.Float64(), quoted: r.IntN(4) == 0, spaced: r.IntN(4) == 0,
		extraFields: r.IntN(3) == 0, threadsNotSaved: r.IntN(5) == 0,
	}
	if r.IntN(2) == 0 {
		s.idle = r.Float64()
	}
	if r.IntN(3) == 0 {
		s.churn = r.Float64() / 2
	}
	if r.IntN(4) == 0 {
		s.disorder = 0.2
	}
	if r.IntN(4) == 0 {
		s.start = 29_900_000_000
	}
	return s
}

// envelopeOf returns an envelope as v0.30.0 writes it around a profile.
func envelopeOf(profile []byte) []byte {
	var b bytes.Buffer
	b.WriteString(`{"event_id":"ffeeddccbbaa99887766554433221100","sent_at":"2026-11-20T10:15:40Z","dsn":"http://key@127.0.0.1/1","sdk":{"name":"sentry.go","version":"0.30.0"}}` + "\n")
	addItem(&b, "transaction", "", []byte(`{"event_id":"ffeeddccbbaa99887766554433221100","type":"transaction","transaction":"GET /"}`))
	if profile != nil {
		addItem(&b, "profile", "", profile)
	}
	return b.Bytes()
}

func addItem(b *bytes.Buffer, kind, name string, payload []byte) {
	if name != "" {
		name = fmt.Sprintf(`,"filename":%q`, name)
	}
	fmt.Fprintf(b, `{"type":%q,"length":%d%s}`+"\n", kind, len(payload), name)
	b.Write(payload)
	b.WriteByte('\n')
}
