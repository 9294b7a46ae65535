package main_test

import (
	"testing"

	"github.com/leakguard/leakguard/guard/guardtest"
)

// What the example leaks, it leaks on purpose.
func TestMain(m *testing.M) {
	guardtest.Main(m, guardtest.IgnoreAny("github.com/leakguard/leakguard/examples/seed/storage.ask"))
}
