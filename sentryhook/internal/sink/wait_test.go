package sink

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// An incident without evidence is sent after 5 s.
func TestSinkOpenedWithoutEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var got []relaytest.Item
		s, _ := newTestSink(t, inBubble(func(r *http.Request) int {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, itemsOf(t, r)...)
			return 200
		}), Config{})
		all := func() []relaytest.Item {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return got
		}
		i := testIncident(t)
		opened := captured(i)
		opened.Kind, opened.Incident.Folder, opened.Incident.Artefacts = guard.Opened, "", nil
		deliver(t, s, opened)
		time.Sleep(captureWait - 1)
		if n := len(all()); n != 0 {
			t.Errorf("%d items sent too early", n)
		}
		time.Sleep(time.Nanosecond)
		if items := all(); len(items) != 1 || items[0].Type != "event" {
			t.Fatalf("%d items, want the event", len(items))
		}
		deliver(t, s, captured(i))
		if items := all(); len(items) != 3 || items[1].Type != "attachment" || items[2].Type != "attachment" {
			t.Errorf("%d items, want the evidence after it", len(items))
		}
	})
}

// Evidence that comes just in time cancels that, and the sink still waits for the report.
func TestSinkLateEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var got []relaytest.Item
		s, _ := newTestSink(t, inBubble(func(r *http.Request) int {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, itemsOf(t, r)...)
			return 200
		}), Config{})
		i := testIncident(t)
		i.Reading.Unreclaimable = 100 << 20
		opened := captured(i)
		opened.Kind = guard.Opened
		deliver(t, s, opened)
		time.Sleep(captureWait - time.Second)
		time.AfterFunc(3*time.Second/2, func() { writeReport(t, i) })
		deliver(t, s, captured(i))
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if len(got) == 0 || got[0].Type != "event" || !strings.Contains(string(got[0].Body), testHeadline) {
			t.Errorf("the event has no headline: %d items", len(got))
		}
	})
}

func TestSinkWaitsForTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := testIncident(t)
		i.Reading.Unreclaimable = 100 << 20
		near, none, hand := i, i, i
		near.Reading.Unreclaimable = 400 << 20
		none.Artefacts = nil
		hand.Trigger = incident.TriggerManual
		for _, tt := range []struct {
			name     string
			incident guard.Incident
			want     time.Duration
		}{
			{"room", i, 2 * time.Second},
			{"near the limit", near, time.Second / 2},
			{"no evidence", none, 0},
			{"by hand", hand, 0},
		} {
			start := time.Now()
			if got := waitForReport(t.Context(), captured(tt.incident), defaultReportWait).Headline; got != "" {
				t.Errorf("%s: %q", tt.name, got)
			}
			if waited := time.Since(start); waited < tt.want || waited > tt.want+10*time.Millisecond {
				t.Errorf("%s: waited %v, want %v", tt.name, waited, tt.want)
			}
		}
		start := time.Now()
		written := make(chan struct{})
		time.AfterFunc(time.Second, func() { defer close(written); writeReport(t, i) })
		if got := waitForReport(t.Context(), captured(i), defaultReportWait).Headline; got != testHeadline {
			t.Errorf("the report comes after 1 s: %q", got)
		}
		<-written // or the folder would be removed under it
		if waited := time.Since(start); waited > time.Second+100*time.Millisecond {
			t.Errorf("waited %v for a report that came after 1 s", waited)
		}
	})
}
