package incident_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

// BenchmarkIncidents reads a folder of 200 incidents, as leakreport does to list them.
func BenchmarkIncidents(b *testing.B) {
	const incidents = 200
	dir := b.TempDir()
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	reading := incident.NewReading(at)
	m := incident.Manifest{Schema: 1, Rule: "memory", Trigger: incident.TriggerRule, Headline: "shop.leak holds 110 MiB more", Opened: at}
	for range 64 {
		m.Readings = append(m.Readings, reading)
	}
	for range 256 {
		m.History = append(m.History, incident.HistoryPoint{Time: at, Memory: 1 << 20, LiveHeap: 1 << 20, Goroutines: 10})
	}
	for i := range incidents {
		m.ID = fmt.Sprintf("20261120T1200%02d.%03dZ-memory-%04x", i/60, i, i)
		folder := filepath.Join(dir, m.ID)
		data, err := json.Marshal(m)
		if err == nil {
			err = os.Mkdir(folder, 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, "manifest.json"), data, 0o600)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		store, err := incident.OpenStore(dir)
		if err != nil {
			b.Fatal(err)
		}
		list, err := store.Incidents()
		if err != nil || len(list) != incidents {
			b.Fatalf("%d incidents: %v", len(list), err)
		}
	}
}
