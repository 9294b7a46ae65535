package guardtest

import (
	"context"
	"reflect"
	"runtime/pprof"
	"testing"
	"unsafe"
)

// labelTests makes each test label its goroutine with its name. All goroutines that
// it starts inherit the label.
//
// The testing package has no hook for that, and its list of tests is a field that
// only reflection can reach. On a toolchain without such a field of exactly this
// type, labelTests does nothing, and only the tests that call [VerifyNone] are
// labelled. The alternative was to have users call something in each test.
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
			// Examples run one after the other on the goroutine of main.
			defer pprof.SetGoroutineLabels(context.Background())
			f()
		}
	}
}

// field returns a struct's field that is a slice, for writing, or nil if there is
// no such field of that type.
func field[T any](v reflect.Value, name string) []T {
	f := v.FieldByName(name)
	if !f.IsValid() || f.Type() != reflect.TypeFor[[]T]() || f.Len() == 0 {
		return nil
	}
	return unsafe.Slice((*T)(f.UnsafePointer()), f.Len())
}
