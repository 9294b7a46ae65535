package ingest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxProfileDuration is MAX_PROFILE_DURATION of relay-profiling.
const maxProfileDuration = 30 * time.Second

// Profile is what Relay keeps of a profile.
type Profile struct {
	Samples, Threads int
	// ActiveSamples counts the samples of the thread that the transaction ran on.
	ActiveSamples int
	// First and Last are the times of the first and the last sample since the
	// profile's start.
	First, Last time.Duration
}

// number is an integer encoded as a JSON number or string.
type number uint64

func (n *number) UnmarshalJSON(p []byte) error {
	v, err := strconv.ParseUint(string(bytes.Trim(p, `"`)), 10, 64)
	*n = number(v)
	return err
}

type sample struct {
	StackID  *int   `json:"stack_id"`
	ThreadID number `json:"thread_id"`
	Elapsed  number `json:"elapsed_since_start_ns"`
}

type profileV1 struct {
	Version   string     `json:"version"`
	EventID   string     `json:"event_id"`
	Platform  string     `json:"platform"`
	Timestamp *time.Time `json:"timestamp"`
	Device    *struct {
		Architecture *string `json:"architecture"`
	} `json:"device"`
	OS *struct {
		Name    *string `json:"name"`
		Version *string `json:"version"`
	} `json:"os"`
	Transaction *struct {
		ID             string `json:"id"`
		Name           string `json:"name"`
		TraceID        string `json:"trace_id"`
		ActiveThreadID number `json:"active_thread_id"`
	} `json:"transaction"`
	Profile *struct {
		Samples []sample   `json:"samples"`
		Stacks  [][]int    `json:"stacks"`
		Frames  []struct{} `json:"frames"` // only counted
	} `json:"profile"`
}

// checkProfile applies Relay's checks to a profile of version 1. The error is the
// reason to drop it.
func checkProfile(p []byte) (*Profile, error) {
	var v profileV1
	if err := json.Unmarshal(p, &v); err != nil {
		return nil, fmt.Errorf("invalid json: %w", err)
	}
	switch {
	case v.Version != "1":
		return nil, fmt.Errorf("version %q", v.Version)
	case !isID(v.EventID) || v.Platform == "" || v.Timestamp == nil:
		return nil, errors.New("no event_id, platform or timestamp")
	case v.Device == nil || v.Device.Architecture == nil || v.OS == nil || v.OS.Name == nil || v.OS.Version == nil:
		return nil, errors.New("no device or os")
	case v.Profile == nil || v.Profile.Samples == nil || v.Profile.Stacks == nil || v.Profile.Frames == nil:
		return nil, errors.New("no samples, stacks or frames")
	case v.Transaction == nil:
		return nil, errors.New("no transaction associated")
	case !isID(v.Transaction.ID) || !isID(v.Transaction.TraceID) || v.Transaction.Name == "":
		return nil, errors.New("invalid transaction metadata")
	}
	for _, s := range v.Profile.Samples {
		if s.StackID == nil || *s.StackID < 0 {
			return nil, errors.New("invalid json: a sample without stack_id")
		}
	}
	samples := withoutSingles(withoutIdleEdges(v.Profile.Samples, v.Profile.Stacks))
	if len(samples) == 0 {
		return nil, errors.New("not enough samples")
	}
	for _, s := range samples {
		if *s.StackID >= len(v.Profile.Stacks) {
			return nil, errors.New("malformed samples")
		}
	}
	for _, stack := range v.Profile.Stacks {
		for _, frame := range stack {
			if frame < 0 || frame >= len(v.Profile.Frames) {
				return nil, errors.New("malformed stacks")
			}
		}
	}
	if last := samples[len(samples)-1].Elapsed; last > number(maxProfileDuration) {
		return nil, errors.New("duration is too long")
	}
	out := &Profile{Samples: len(samples), First: time.Duration(samples[0].Elapsed)}
	threads := make(map[number]bool)
	for _, s := range samples {
		threads[s.ThreadID] = true
		out.First, out.Last = min(out.First, time.Duration(s.Elapsed)), max(out.Last, time.Duration(s.Elapsed))
		if s.ThreadID == v.Transaction.ActiveThreadID {
			out.ActiveSamples++
		}
	}
	out.Threads = len(threads)
	return out, nil
}

// isID reports whether s is a UUID, with or without dashes, and not zero.
func isID(s string) bool {
	id, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	return err == nil && len(id) == 16 && !bytes.Equal(id, make([]byte, 16))
}

// withoutIdleEdges drops, for each thread, the samples before its first stack and
// after its last one.
func withoutIdleEdges(samples []sample, stacks [][]int) (kept []sample) {
	type span struct{ from, to int }
	active := make(map[number]span)
	for i, s := range samples {
		if *s.StackID >= len(stacks) || len(stacks[*s.StackID]) == 0 {
			continue
		}
		r, ok := active[s.ThreadID]
		if !ok {
			r.from = i
		}
		r.to = i
		active[s.ThreadID] = r
	}
	for i, s := range samples {
		if r, ok := active[s.ThreadID]; ok && i >= r.from && i <= r.to {
			kept = append(kept, s)
		}
	}
	return kept
}

// withoutSingles drops the threads with a single sample.
func withoutSingles(samples []sample) (kept []sample) {
	count := make(map[number]int)
	for _, s := range samples {
		count[s.ThreadID]++
	}
	for _, s := range samples {
		if count[s.ThreadID] > 1 {
			kept = append(kept, s)
		}
	}
	return kept
}
