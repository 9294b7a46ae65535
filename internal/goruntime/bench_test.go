package goruntime

import (
	"runtime"
	"testing"
)

func BenchmarkRead(b *testing.B) {
	r, s := NewReader(), new(Stat)
	b.ReportAllocs()
	for b.Loop() {
		r.Read(s)
	}
}

func BenchmarkReadMemStats(b *testing.B) {
	var s runtime.MemStats
	b.ReportAllocs()
	for b.Loop() {
		runtime.ReadMemStats(&s)
	}
}
