package layout

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A folder that somebody else filled is listed within a bound, and its size is whole.
func TestScanIsBounded(t *testing.T) {
	dir := t.TempDir()
	names := []string{ManifestName, "foreign", "heap.pb.gz"}
	for i := range mostFiles {
		names = append(names, fmt.Sprintf("heap.%d.pb.gz", i+2))
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	c, err := Scan(root)
	if err != nil || len(c.Files) != mostFiles || c.More != 1 || c.Size != int64(mostFiles)+2 || !c.Manifest || !c.Foreign {
		t.Errorf("%d files and %d more, %d bytes, %v, %v, %v", len(c.Files), c.More, c.Size, c.Manifest, c.Foreign, err)
	}
}
