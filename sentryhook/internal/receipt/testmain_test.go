package receipt

import (
	"testing"

	"github.com/leakguard/leakguard/guard/guardtest"
)

func TestMain(m *testing.M) { guardtest.Main(m) }
