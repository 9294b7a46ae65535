package main_test

import (
	"testing"

	"github.com/leakguard/leakguard/guard/guardtest"
)

// The example leaks on purpose.
func TestMain(m *testing.M) {
	guardtest.Main(m, guardtest.IgnoreAny("github.com/leakguard/leakguard/examples/seed/storage.ask"))
}
