package filelock

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/leakguard/leakguard/internal/testenv"
)

func TestTry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	open := func() *os.File {
		t.Helper()
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	first, second := open(), open()
	taken, err := Try(first)
	if errors.Is(err, errors.ErrUnsupported) {
		testenv.Need(t, runtime.GOOS == "windows", err.Error())
		return
	}
	if !taken || err != nil {
		t.Fatalf("got %v, %v; nobody has it", taken, err)
	}
	if taken, err := Try(second); taken || err != nil {
		t.Errorf("got %v, %v; the first has it, in the same process", taken, err)
	}
	first.Close()
	if taken, err := Try(second); !taken || err != nil {
		t.Errorf("got %v, %v; it was given back", taken, err)
	}
	if _, err := Try(first); err == nil {
		t.Error("a closed file was locked")
	}
}
