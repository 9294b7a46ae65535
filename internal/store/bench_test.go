package store

import (
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

func BenchmarkCreate(b *testing.B) {
	s := openTestStore(b, Config{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f, err := s.Create(noon.Add(time.Duration(i)*time.Millisecond), "heap")
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}

func BenchmarkWrite(b *testing.B) {
	for name, size := range map[string]int{"1KiB": 1 << 10, "1MiB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			f := createTest(b, openTestStore(b, Config{}), noon, "heap")
			write := content(strings.Repeat("x", size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Write("heap.pb.gz", write); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWriteManifest(b *testing.B) {
	f := createTest(b, openTestStore(b, Config{}), noon, "heap")
	m := testManifest()
	for range 64 {
		m.Readings = append(m.Readings, incident.NewReading(noon))
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := f.WriteManifest(m); err != nil {
			b.Fatal(err)
		}
	}
	data, _ := m.Encode()
	b.ReportMetric(float64(len(data)), "manifest-bytes")
}

func BenchmarkPrune(b *testing.B) {
	s := openTestStore(b, Config{})
	for i := range DefaultMaxIncidents {
		keepIncident(b, s, noon.Add(time.Duration(i)*time.Hour), "heap", 1000)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Prune(noon.Add(24 * time.Hour)); err != nil {
			b.Fatal(err)
		}
	}
}
