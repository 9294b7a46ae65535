package profile

import (
	"strings"
	"testing"
	"time"
)

func BenchmarkCreate(b *testing.B) {
	s := openTestStore(b, StoreConfig{})
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
			f := createTest(b, openTestStore(b, StoreConfig{}), noon, "heap")
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
	f := createTest(b, openTestStore(b, StoreConfig{}), noon, "heap")
	m := testManifest()
	for range maxReadings {
		m.Readings = append(m.Readings, NewReading(noon))
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := f.WriteManifest(m); err != nil {
			b.Fatal(err)
		}
	}
	data, _ := m.encode()
	b.ReportMetric(float64(len(data)), "manifest-bytes")
}

func BenchmarkPrune(b *testing.B) {
	s := openTestStore(b, StoreConfig{})
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
