package relaytest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// Of returns the profile of a shape, always the same.
func Of(s Shape) []byte { return Generate(rand.New(rand.NewPCG(1, 1)), s) }

// Small returns a profile in which there is nothing to compact.
func Small() []byte {
	return Generate(rand.New(rand.NewPCG(3, 3)), Shape{
		Threads: 1, Ticks: 3, Period: 9_900_990, Frames: 1, Stacks: 1, Depth: 1, ThreadsNotSaved: true,
	})
}

// Scene returns a profile of 200 goroutines that lasts so many seconds.
func Scene(seconds float64) []byte {
	return Generate(rand.New(rand.NewPCG(5, 5)), Crowd(200, seconds))
}

// Busy returns a profile in which nearly each sample of each thread has another
// stack, so that little can be saved without loss.
func Busy() []byte {
	return Generate(rand.New(rand.NewPCG(9, 9)), Shape{
		Threads: 20, Ticks: 300, Period: 9_900_990, Frames: 2000, Stacks: 3000, Depth: 30, Change: 0.95, ActiveChange: 0.8,
	})
}

// Noise returns n bytes that do not compress.
func Noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// WithAttachments returns an envelope of an event and of attachments that do not
// compress, a.bin, b.bin and so on, of these sizes in bytes.
func WithAttachments(event string, sizes ...int) []byte {
	var b bytes.Buffer
	b.WriteString("{}\n")
	AddItem(&b, "event", "", []byte(event))
	all := Noise(1 << 20)
	for i, n := range sizes {
		AddItem(&b, "attachment", fmt.Sprintf("%c.bin", 'a'+i), all[:n])
		all = all[n:]
	}
	return b.Bytes()
}

// ProfileSeeds returns small profiles for a fuzzer to start from, among them
// malformed ones.
func ProfileSeeds() (seeds [][]byte) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 4))
		s := Random(r)
		s.Threads, s.Ticks, s.Frames, s.Stacks = min(s.Threads, 3), min(s.Ticks, 6), min(s.Frames, 3), min(s.Stacks, 5)
		seeds = append(seeds, Generate(r, s))
	}
	usual := seeds[0]
	return append(seeds,
		bytes.ReplaceAll(usual, []byte(","), []byte(" , ")),
		bytes.Replace(usual, []byte(`"samples":`), []byte(`"samples":[],"samples":`), 1),
		[]byte(`{"version":"1","transaction":{"active_thread_id":"1"},"profile":{"samples":[],"stacks":[],"frames":[],"thread_metadata":null}}`),
		bytes.Repeat([]byte(`{"profile":`), 50),
		[]byte("{\"a\":\"\\\\\\\"\x00\xff\"}"),
	)
}

// EnvelopeSeeds returns small envelopes for a fuzzer to start from, among them
// malformed ones.
func EnvelopeSeeds() (seeds [][]byte) {
	for _, profile := range ProfileSeeds() {
		seeds = append(seeds, Envelope(profile))
	}
	return append(seeds,
		WithAttachments(`{"contexts":{"evidence":{"folder":"/x"}}}`, 5000, 9000),
		[]byte("{}\n{\"type\":\"event\"}\n{}"),
		[]byte("{}\n{\"type\":\"profile\",\"length\":2}\n{}"),
		[]byte("{}\n{\"type\":\"attachment\",\"length\":9999999999}\n{}\n\n\n"),
		[]byte("{}"), []byte("\n\n\n"), []byte("{\"\\\"\":{}}\n"),
	)
}
