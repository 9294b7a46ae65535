//go:build unix

package guard

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// home sets what the default folders follow from, and returns the two.
func home(t *testing.T) (cache, temp string) {
	t.Helper()
	top := t.TempDir()
	for _, name := range []string{"home", "tmp"} {
		if err := os.Mkdir(filepath.Join(top, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", filepath.Join(top, "home"))
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("TMPDIR", filepath.Join(top, "tmp"))
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(cache), 0o700); err != nil { // Library, on darwin
		t.Fatal(err)
	}
	return filepath.Join(cache, "leakguard", executable()),
		filepath.Join(top, "tmp", "leakguard-"+strconv.Itoa(os.Geteuid()), executable())
}

func TestDefaultFolder(t *testing.T) {
	target := t.TempDir()
	// An absolute path that cannot be made for anybody, root included.
	const nobodys = "/dev/null"
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, cache, temp string) error
		want    string // "cache", "temp" or "" for none
		said    string
	}{
		{"home", func(*testing.T, string, string) error { return nil }, "cache", ""},
		{"HOME unset", func(t *testing.T, _, _ string) error { return os.Unsetenv("HOME") }, "temp", ""},
		{"home does not exist", func(t *testing.T, _, _ string) error { return os.RemoveAll(os.Getenv("HOME")) }, "temp", ""},
		{"home cannot be written", func(t *testing.T, _, _ string) error {
			t.Setenv("XDG_CACHE_HOME", nobodys+"/cache")
			return nil
		}, "temp", ""},
		{"cache is a link", func(_ *testing.T, cache, _ string) error {
			return errors.Join(os.MkdirAll(filepath.Dir(cache), 0o700), os.Symlink(target, cache))
		}, "temp", ""},
		{"temp is a link", func(t *testing.T, _, temp string) error {
			t.Setenv("HOME", "")
			return os.Symlink(t.TempDir(), filepath.Dir(temp))
		}, "", "belongs to another user, or is open to others"},
		{"temp is open to others", func(t *testing.T, _, temp string) error {
			t.Setenv("HOME", "")
			return errors.Join(os.Mkdir(filepath.Dir(temp), 0o700), os.Chmod(filepath.Dir(temp), 0o770))
		}, "", "belongs to another user, or is open to others"},
		{"temp is a file", func(t *testing.T, _, temp string) error {
			t.Setenv("HOME", "")
			return os.WriteFile(filepath.Dir(temp), nil, 0o600)
		}, "", "belongs to another user, or is open to others"},
		{"neither", func(t *testing.T, _, _ string) error {
			t.Setenv("HOME", "")
			t.Setenv("TMPDIR", nobodys)
			return nil
		}, "", nobodys},
	} {
		t.Run(c.name, func(t *testing.T) {
			cache, temp := home(t)
			if err := c.prepare(t, cache, temp); err != nil {
				t.Fatal(err)
			}
			nothingLeft(t)
			store, fault, err := openStore(Config{})
			if fault != nil {
				t.Fatalf("a default folder is a fault: %v", fault)
			}
			if want := map[string]string{"cache": cache, "temp": temp}[c.want]; want != "" {
				if err != nil {
					t.Fatal(err)
				}
				defer store.Close()
				fi, err := os.Lstat(want)
				if store.Dir() != want || err != nil || fi.Mode().Perm() != 0o700 {
					t.Errorf("store in %s, want %s; %v, %v", store.Dir(), want, fi, err)
				}
				if c.want == "temp" {
					if fi, err := os.Lstat(filepath.Dir(temp)); err != nil || fi.Mode().Perm() != 0o700 {
						t.Errorf("%v, %v", fi, err)
					}
				}
				return
			}
			if store != nil {
				store.Close()
				t.Fatalf("a store in %s", store.Dir())
			}
			if err == nil || !strings.Contains(err.Error(), c.said) || !strings.Contains(err.Error(), "HOME") {
				t.Errorf("%v: want why of each, %q among it", err, c.said)
			}
		})
	}
}

// Without any folder the guard runs and says so.
func TestNoDefaultFolder(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("TMPDIR", "/dev/null")
	nothingLeft(t)
	book := new(logBook)
	g, err := Start(Config{Logger: slog.New(book), Rules: []Rule{}})
	if err != nil {
		t.Fatal(err)
	}
	if g.Store() != nil {
		t.Error("there is a store")
	}
	book.once(t, "Dir cannot be used")
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// A home that does not exist is not made.
func TestDefaultFolderMakesNoHome(t *testing.T) {
	home(t)
	missing := filepath.Join(t.TempDir(), "nonexistent")
	t.Setenv("HOME", missing)
	store, _, err := openStore(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := os.Lstat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s was made: %v", missing, err)
	}
}
