package blobsink

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/leakguard/leakguard/guard/internal/fleet"
)

// place is where this process stores an incident for the fleet.
type place struct {
	prefix   string
	uploaded map[string]int64 // sizes by file name
	bytes    int64
}

// claim records which process holds a place.
type claim struct {
	Incident string    `json:"incident"`
	Host     string    `json:"host"`
	PID      int       `json:"pid"`
	Claimed  time.Time `json:"claimed"`
}

// claim claims the incident's place. It returns nil if another process holds it.
// again says that the event is redelivered after a restart; the incident may then
// hold the place already.
func (s *Sink) claim(ctx context.Context, in *fleet.Incident, again bool) (*place, error) {
	m := &in.Manifest
	h := fnv.New32a()
	fmt.Fprintf(h, "%s %d", m.Process.Host, m.Process.PID)
	window := m.Opened.UTC().Truncate(s.cfg.Window).Format("20060102T150405Z")
	p := &place{uploaded: make(map[string]int64)}
	p.prefix = fmt.Sprintf("%s%s/%s/%d/", s.cfg.Prefix, in.Key(), window, h.Sum32()%uint32(s.cfg.Places))
	if s.taken[p.prefix] {
		return nil, nil
	}
	text, err := json.Marshal(claim{Incident: m.ID, Host: m.Process.Host, PID: m.Process.PID, Claimed: time.Now().UTC()})
	if err != nil {
		return nil, err
	}
	name := p.prefix + "claim.json"
	tries, ours := 0, true
	err = fleet.Retry(ctx, func() error {
		tries++
		err := s.bucket.Upload(ctx, name, bytes.NewReader(text), &blob.WriterOptions{ContentType: "application/json", IfNotExist: true})
		if gcerrors.Code(err) != gcerrors.FailedPrecondition {
			return curable(err)
		}
		if !again && tries == 1 {
			ours = false
			return nil
		}
		// The place may be held by this incident: by the process before a restart, or
		// by an attempt whose response was lost.
		held, err := s.bucket.ReadAll(ctx, name)
		if err != nil {
			return curable(err)
		}
		var c claim
		ours = json.Unmarshal(held, &c) == nil && c.Incident == m.ID && c.Host == m.Process.Host
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !ours {
		if len(s.taken) >= mostKnown {
			clear(s.taken)
		}
		s.taken[p.prefix] = true
		return nil, nil
	}
	return p, nil
}

// curable marks the errors that a retry would not cure.
func curable(err error) error {
	switch gcerrors.Code(err) {
	case gcerrors.OK:
		return nil
	case gcerrors.PermissionDenied, gcerrors.InvalidArgument, gcerrors.NotFound, gcerrors.Unimplemented:
		return fleet.Permanent(err)
	}
	return err
}
