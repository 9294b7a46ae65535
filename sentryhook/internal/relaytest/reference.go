package relaytest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What Sentry and Relay make of a profile, written a second time with encoding/json
// and independently of the code under test, after getsentry/relay's
// relay-profiling/src/sample/v1.rs and getsentry/vroom's
// internal/sample/sample.go.

// Number is an integer that may be written as a string.
type Number uint64

func (n *Number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseUint(strings.Trim(string(b), `"`), 10, 64)
	*n = Number(v)
	return err
}

// Sample is a sample of a [Profile].
type Sample struct {
	Elapsed *Number `json:"elapsed_since_start_ns"`
	Stack   *int    `json:"stack_id"`
	Thread  *Number `json:"thread_id"`
}

// Profile is a decoded profile of Sentry's sample format.
type Profile struct {
	Version   string     `json:"version"`
	EventID   string     `json:"event_id"`
	Platform  *string    `json:"platform"`
	Timestamp *time.Time `json:"timestamp"`
	Device    *struct {
		Architecture *string `json:"architecture"`
	} `json:"device"`
	OS *struct {
		Name, Version *string
	} `json:"os"`
	Transaction *struct {
		ID      string  `json:"id"`
		TraceID string  `json:"trace_id"`
		Name    string  `json:"name"`
		Active  *Number `json:"active_thread_id"`
	} `json:"transaction"`
	Profile *struct {
		Frames  []json.RawMessage          `json:"frames"`
		Stacks  [][]int                    `json:"stacks"`
		Samples []Sample                   `json:"samples"`
		Threads map[string]json.RawMessage `json:"thread_metadata"`
	} `json:"profile"`
}

// Decode decodes a profile.
func Decode(payload []byte) (*Profile, error) {
	var p Profile
	if err := json.Unmarshal(payload, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// Accepts returns the samples of a profile that Relay would pass on, or why it would
// refuse the profile.
func Accepts(payload []byte) ([]Sample, error) {
	p, err := Decode(payload)
	switch {
	case err != nil:
		return nil, err
	case p.Version != "1":
		return nil, errors.New("version")
	case p.EventID == "" || p.Platform == nil || p.Timestamp == nil || p.Device == nil || p.Device.Architecture == nil || p.OS == nil || p.OS.Name == nil || p.OS.Version == nil:
		return nil, errors.New("metadata missing")
	case p.Profile == nil || p.Transaction == nil:
		return nil, errors.New("no profile or no transaction")
	case p.Transaction.ID == "" || p.Transaction.TraceID == "" || p.Transaction.Name == "" || p.Transaction.Active == nil:
		return nil, errors.New("transaction metadata missing")
	}
	for _, s := range p.Profile.Samples {
		if s.Elapsed == nil || s.Stack == nil || s.Thread == nil || *s.Stack < 0 {
			return nil, errors.New("sample without a field")
		}
	}
	active := func(s Sample) bool {
		return *s.Stack < len(p.Profile.Stacks) && len(p.Profile.Stacks[*s.Stack]) > 0
	}
	first, last := map[Number]int{}, map[Number]int{}
	for i, s := range p.Profile.Samples {
		if active(s) {
			if _, ok := first[*s.Thread]; !ok {
				first[*s.Thread] = i
			}
			last[*s.Thread] = i
		}
	}
	var samples []Sample
	count := map[Number]int{}
	for i, s := range p.Profile.Samples {
		if f, ok := first[*s.Thread]; ok && i >= f && i <= last[*s.Thread] {
			samples = append(samples, s)
			count[*s.Thread]++
		}
	}
	samples = slices.DeleteFunc(samples, func(s Sample) bool { return count[*s.Thread] < 2 })
	if len(samples) == 0 {
		return nil, errors.New("not enough samples")
	}
	for _, s := range samples {
		if *s.Stack >= len(p.Profile.Stacks) {
			return nil, errors.New("no such stack")
		}
	}
	for _, st := range p.Profile.Stacks {
		for _, f := range st {
			if f < 0 || f >= len(p.Profile.Frames) {
				return nil, errors.New("no such frame")
			}
		}
	}
	if e := *samples[len(samples)-1].Elapsed; e > 30_000_000_000 {
		return nil, fmt.Errorf("lasts %d ns", e)
	}
	return samples, nil
}

// node is a call in a tree.
type node struct {
	Frame      string
	Start, End Number
	Samples    int
	Children   []*node
}

// CallTrees returns the trees of the active thread: a sample lasts until the
// next, the last one only ends the time. Equal frames that touch are one call.
func CallTrees(payload []byte) (string, error) {
	p, err := Decode(payload)
	if err != nil {
		return "", err
	}
	var mine []Sample
	for _, s := range p.Profile.Samples {
		if *s.Thread == *p.Transaction.Active {
			mine = append(mine, s)
		}
	}
	slices.SortStableFunc(mine, func(a, b Sample) int { return int(int64(*a.Elapsed) - int64(*b.Elapsed)) })
	root := &node{}
	perFrame := map[string]int{}
	for i := 0; i+1 < len(mine); i++ {
		at := root
		stack := p.Profile.Stacks[*mine[i].Stack]
		for _, f := range slices.Backward(stack) {
			frame := string(p.Profile.Frames[f])
			perFrame[frame]++
			if n := len(at.Children); n > 0 && at.Children[n-1].Frame == frame && at.Children[n-1].End == *mine[i].Elapsed {
				at = at.Children[n-1]
			} else {
				child := &node{Frame: frame, Start: *mine[i].Elapsed}
				at.Children = append(at.Children, child)
				at = child
			}
			at.End = *mine[i+1].Elapsed
			at.Samples++
		}
	}
	out, err := json.Marshal([]any{root, perFrame, len(mine)})
	return string(out), err
}

// ThreadSpans returns, for each thread, when it had which stack: what Sentry
// shows of the threads that are not active, whatever the number of samples. Sentry
// sorts the samples by time first.
func ThreadSpans(payload []byte) (map[Number]string, error) {
	p, err := Decode(payload)
	if err != nil {
		return nil, err
	}
	spans := map[Number]string{}
	type state struct {
		stack string
		end   Number
	}
	states := map[Number]state{}
	samples := slices.Clone(p.Profile.Samples)
	slices.SortStableFunc(samples, func(a, b Sample) int { return cmp.Compare(*a.Elapsed, *b.Elapsed) })
	for _, s := range samples {
		var stack strings.Builder
		for _, f := range p.Profile.Stacks[*s.Stack] {
			stack.Write(p.Profile.Frames[f])
		}
		st, ok := states[*s.Thread]
		if !ok || st.stack != stack.String() {
			spans[*s.Thread] += fmt.Sprintf("..%d|%s from %d", st.end, stack.String(), *s.Elapsed)
		}
		states[*s.Thread] = state{stack.String(), *s.Elapsed}
	}
	for id, st := range states {
		spans[id] += fmt.Sprintf("..%d", st.end)
	}
	return spans, nil
}
