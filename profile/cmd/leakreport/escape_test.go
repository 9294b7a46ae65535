package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A folder may come from a customer: neither the list nor an error may steer the terminal.
func TestNamesCannotSteerTheTerminal(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "20261120T120000.000Z-memory-7f3a")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	manifest := `{"schema":1,"rule":"memory","headline":"\u001b[2Jforged\nno leak"}`
	if err := os.WriteFile(filepath.Join(folder, "manifest.json"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	_, text, errs := command(dir)
	if !strings.Contains(text, `\x1b[2Jforged no leak`) || strings.ContainsRune(text+errs, '\x1b') {
		t.Errorf("%q, %q", text, errs)
	}
	if status, _, errs := command(filepath.Join(dir, "a\x1b[2Jb"), "c"); status == 0 || strings.ContainsRune(errs, '\x1b') || !strings.Contains(errs, `a\x1b[2Jb`) {
		t.Errorf("exit %d, %q", status, errs)
	}
}
