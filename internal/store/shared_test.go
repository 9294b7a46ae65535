package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestConcurrentStores(t *testing.T) {
	skipOn(t, "windows", "no lock tells there who lives")
	dir := t.TempDir()
	done := make(chan error)
	const writers = 4
	for w := range writers {
		go func() {
			done <- func() error {
				s, err := Open(Config{Dir: dir, MaxIncidents: 2})
				if err != nil {
					return err
				}
				defer s.Close()
				for i := range 30 {
					f, err := s.Create(noon.Add(time.Duration(i)*time.Minute), fmt.Sprint("rule-", w))
					if err != nil {
						return err
					}
					if _, err := s.Prune(noon.Add(time.Hour)); err != nil {
						return err
					}
					// Open incidents survive the Prune of every other store.
					if _, err := f.Write("heap.pb.gz", content("x")); err != nil {
						return err
					}
					if err := f.WriteManifest(incident.Manifest{}); err != nil {
						return err
					}
					if err := f.Close(); err != nil {
						return err
					}
					if err := s.RecordDelivery(f.ID(), accept("log", 1, "opened")); err != nil && !errors.Is(err, fs.ErrNotExist) {
						return err
					}
					if _, err := s.Incidents(); err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	s := openTestStore(t, Config{Dir: dir, MaxIncidents: 2})
	if _, err := s.Prune(noon.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if list, err := s.Incidents(); err != nil || len(list) != 2 {
		t.Errorf("%d incidents are left, %v; want 2", len(list), err)
	}
	checkNoTemps(t, dir)
}

// A lock on a removed folder does not protect a new folder with its name.
func TestLockIsOfTheFolderNotOfItsName(t *testing.T) {
	skipOn(t, "windows", "it removes no folder that is open")
	s := openTestStore(t, Config{})
	f := createTest(t, s, noon, "heap")
	if err := stillAt(s.root, f.ID(), f.dir); err != nil {
		t.Error(err)
	}
	if err := os.Rename(f.Path(), f.Path()+".old"); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"gone", "another"} {
		if err := stillAt(s.root, f.ID(), f.dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want fs.ErrNotExist", what, err)
		}
		mustMkdir(t, f.Path())
	}
}

// A ladder without a lock may have files, if its removal was interrupted or its
// process wrote on while another looked. The next start removes it.
func TestHalfRemovedLadder(t *testing.T) {
	s := openTestStore(t, Config{})
	half := filepath.Join(s.Dir(), layout.BaselineDir, layout.LadderName(noon, "17-7f3a"))
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(half, layout.BaselineName("heap", noon)), "x")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openTestStore(t, Config{Dir: s.Dir()})
	if _, err := os.Lstat(half); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
