package fleet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// captured returns the event of a real capture.
func captured(t *testing.T) guard.Event {
	t.Helper()
	g, err := guard.Start(guard.Config{Dir: filepath.Join(t.TempDir(), "evidence"), Service: "shop/../x", Version: "v1", NoReports: true})
	if err != nil {
		t.Fatal(err)
	}
	inc, err := g.Capture(t.Context(), "test")
	if err := errors.Join(err, g.Close()); err != nil {
		t.Fatal(err)
	}
	return guard.Event{Kind: guard.Captured, Incident: inc}
}

func TestRead(t *testing.T) {
	e := captured(t)
	in, err := Read(t.Context(), e, 0)
	if err != nil || in.Headline != "" || in.Manifest.ID != e.Incident.ID || len(in.Files) < 2 {
		t.Errorf("without a report: %+v, %v", in, err)
	}
	if got := in.Key(); got != "shop_.._x/v1/manual-"+got[len(got)-8:] {
		t.Errorf("key %q", got)
	}
	if err := os.WriteFile(filepath.Join(e.Incident.Folder, incident.ReportText), []byte("a.(*B).c (a/b.go:1) holds 1.0 MiB more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := in.Manifest
	m.Suspects = incident.Suspects{{Kind: profile.Heap, Frame: profile.Frame{Function: "example.com/a.(*B).c"}, Accused: true}}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(e.Incident.Folder, "manifest.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	with, err := Read(t.Context(), e, time.Minute)
	if err != nil || with.Suspect != "a.(*B).c" || with.Files[len(with.Files)-1].Name != incident.ReportText {
		t.Errorf("with a report: %+v, %v", with, err)
	}
	if a, b := in.Key(), with.Key(); a == b || !strings.HasPrefix(b, "shop_.._x/v1/manual-a.__B_.c-") {
		t.Errorf("keys %q and %q", a, b)
	}
	if err := os.RemoveAll(e.Incident.Folder); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(t.Context(), e, 0); !errors.Is(err, ErrNoEvidence) {
		t.Errorf("of a removed folder: %v", err)
	}
}

// Different versions, rules or suspects never share a key, however odd their names.
func TestKeys(t *testing.T) {
	seen := make(map[string]Incident)
	for _, service := range []string{"", "..", "a/b", "a_b", strings.Repeat("x", 200), strings.Repeat("x", 199)} {
		for _, suspect := range []string{"", "é", "ü", "a.b"} {
			in := Incident{Manifest: incident.Manifest{Rule: "memory", Process: incident.Process{Service: service}}, Suspect: suspect}
			key := in.Key()
			if other, ok := seen[key]; ok {
				t.Errorf("%q is the key of %+v and %+v", key, other, in)
			}
			seen[key] = in
			if strings.Contains(key, "..") || strings.HasPrefix(key, "/") || len(key) > 256 {
				t.Errorf("key %q", key)
			}
		}
	}
}

func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, tries := time.Now(), 0
		err := Retry(t.Context(), func() error {
			if tries++; tries < 4 {
				return errors.New("busy")
			}
			return nil
		})
		if took := time.Since(start); err != nil || tries != 4 || took < 875*time.Millisecond || took > 1750*time.Millisecond {
			t.Errorf("%d tries in %v: %v", tries, took, err)
		}

		tries = 0
		forbidden := errors.New("forbidden")
		err = Retry(t.Context(), func() error { tries++; return Permanent(forbidden) })
		if err != forbidden || tries != 1 {
			t.Errorf("permanent: %v after %d tries", err, tries)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		tries, start = 0, time.Now()
		err = Retry(ctx, func() error { tries++; return errors.New("busy") })
		if took := time.Since(start); err == nil || !strings.Contains(err.Error(), "busy") || took != time.Minute || tries < 10 || tries > 20 {
			t.Errorf("%d tries in %v: %v", tries, took, err)
		}
	})
}
