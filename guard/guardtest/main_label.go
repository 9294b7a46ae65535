package guardtest

import (
	"context"
	"reflect"
	"runtime/pprof"
	"testing"
	"unsafe"
)

// labelTests makes each test label its goroutine with its name, which all
// goroutines that it starts inherit.
//
// The testing package has no hook for that, and its list of tests is a field
// that only reflection sees. Where a toolchain has no such field, of just this
// type, nothing happens: then only the tests that call [VerifyNone] are
// labelled. Asking users to call something in each test was the alternative.
func labelTests(m TestingM) {
	if _, ok := m.(*testing.M); !ok {
		return
	}
	v := reflect.ValueOf(m).Elem()
	for i, list := 0, field[testing.InternalTest](v, "tests"); i < len(list); i++ {
		name, f := list[i].Name, list[i].F
		list[i].F = func(t *testing.T) { t.Helper(); setLabel(name, 0); f(t) }
	}
	for i, list := 0, field[testing.InternalBenchmark](v, "benchmarks"); i < len(list); i++ {
		name, f := list[i].Name, list[i].F
		list[i].F = func(b *testing.B) { b.Helper(); setLabel(name, 0); f(b) }
	}
	for i, list := 0, field[testing.InternalFuzzTarget](v, "fuzzTargets"); i < len(list); i++ {
		name, f := list[i].Name, list[i].Fn
		list[i].Fn = func(fz *testing.F) { fz.Helper(); setLabel(name, 0); f(fz) }
	}
	for i, list := 0, field[testing.InternalExample](v, "examples"); i < len(list); i++ {
		name, f := list[i].Name, list[i].F
		list[i].F = func() {
			setLabel(name, 0)
			// Examples run on the goroutine of main, one after the other.
			defer pprof.SetGoroutineLabels(context.Background())
			f()
		}
	}
}

// field returns a slice that is a field of a struct, to be written to; nil
// where there is none of that type.
func field[T any](v reflect.Value, name string) []T {
	f := v.FieldByName(name)
	if !f.IsValid() || f.Type() != reflect.TypeFor[[]T]() || f.Len() == 0 {
		return nil
	}
	return unsafe.Slice((*T)(f.UnsafePointer()), f.Len())
}
