package guard

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestFullDisk(t *testing.T) {
	dir := testenv.Tmpfs(t, "size=512k")
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	box := newMailbox("box")
	g, book := startGuard(t, Config{Dir: dir, Rules: []Rule{always}, Sinks: []Sink{box}, NoReports: true})

	// The event goes out without a disk.
	box.next(t, Opened)
	if i := box.next(t, Captured).Incident; !strings.Contains(i.NotCaptured, "no space left") {
		t.Errorf("not captured: %q", i.NotCaptured)
	}
	waitFor(t, "retries", func() bool { return g.Snapshot().Counters.FailedCaptures >= 3 })
	if c := g.Snapshot().Counters; c.Captures != 0 || c.Delivered != 2 {
		t.Errorf("counters: %+v", c)
	}
	book.once(t, "evidence was lost")

	// Room again: the next try finds it.
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	i := box.next(t, Captured).Incident
	if i.NotCaptured != "" {
		t.Errorf("not captured: %s", i.NotCaptured)
	}
	m, err := g.Store().Incident(i.ID)
	if err != nil || len(m.Captures) < 3 || len(m.Warnings) > 0 {
		t.Fatalf("%d rounds in the manifest, warnings %q, %v", len(m.Captures), m.Warnings, err)
	}
	if s := m.Captures[0].Steps[0]; s.Outcome != incident.OutcomeFailed || s.File != "" || !strings.Contains(s.Reason, "no space left") {
		t.Errorf("the failed step is told as %+v", s)
	}
	// What the sink has accepted may just be being recorded.
	waitFor(t, "temp files to go", func() bool {
		temps, err := filepath.Glob(filepath.Join(i.Folder, ".*"))
		return err == nil && len(temps) == 0
	})
	book.once(t, "evidence was lost")
}

func TestFullDiskLosesBaselines(t *testing.T) {
	dir := testenv.Tmpfs(t, "size=512k")
	if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	g, book := startGuard(t, Config{Dir: dir})
	waitFor(t, "both to be lost", func() bool { return g.Snapshot().Counters.FailedBaselines == 2 })
	book.once(t, "a baseline profile was lost")
	// The next is due in a minute, not in an hour as after a good one.
	g.inLoop(t.Context(), func() { g.loop.baselines.next = baselineEvery })
	g.keeper.surveyed(func() { g.keeper.Baseline() })
	waitFor(t, "the loop to notice", func() (noticed bool) {
		g.inLoop(t.Context(), func() { g.loop.look(); noticed = g.loop.baselines.next < 2*baselineRetry })
		return noticed
	})
}

func TestReadOnlyFolder(t *testing.T) {
	dir := testenv.Tmpfs(t, "size=4m")
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	box := newMailbox("box")
	g, book := startGuard(t, Config{Dir: dir, Rules: []Rule{always}, Sinks: []Sink{box}})
	if g.Store() != nil {
		t.Error("there is a store")
	}
	book.once(t, "Dir cannot be used")
	box.next(t, Opened)
	if i := box.next(t, Captured).Incident; !strings.Contains(i.NotCaptured, "no disk") || i.Folder != "" {
		t.Errorf("not captured: %q, folder %q", i.NotCaptured, i.Folder)
	}
	if _, err := g.Capture(t.Context(), "test"); err == nil {
		t.Error("Capture without a folder is no error")
	}
	if n := g.Snapshot().Counters.FailedCaptures; n < 2 {
		t.Errorf("%d failed captures counted", n)
	}
}

func TestFolderInMemoryIsTold(t *testing.T) {
	_, book := startGuard(t, Config{Dir: testenv.Tmpfs(t, "size=4m"), KeepBytes: 8 << 20})
	book.once(t, "keeps 2.0 MiB instead of 8.0 MiB")
}

func TestUnsafeFolderIsRefused(t *testing.T) {
	top := t.TempDir()
	mkdir := func(name string) string {
		dir := filepath.Join(top, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	open, foreign, link := mkdir("open"), mkdir("foreign"), filepath.Join(top, "link")
	err := errors.Join(os.Chmod(open, 0o777), os.Symlink(mkdir("target"), link))
	if err != nil {
		t.Fatal(err)
	}
	dirs := []string{open, link}
	if err := os.Chown(foreign, 12345, 12345); err == nil { // as root
		dirs = append(dirs, foreign)
	}
	nothingLeft(t)
	for _, dir := range dirs {
		g, err := Start(Config{Dir: dir})
		if g != nil || !errors.Is(err, store.ErrUnsafe) || !strings.Contains(err.Error(), "Dir: ") || !strings.Contains(err.Error(), dir) {
			t.Errorf("Start in %s: %v, %v", dir, g, err)
		}
		if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
			t.Errorf("%s: %v, %v", dir, made, err)
		}
	}
}

// The folder of an open incident is removed: its next evidence makes it anew.
func TestFolderDeletedUnderTheGuard(t *testing.T) {
	box := newMailbox("box")
	dir := filepath.Join(t.TempDir(), "evidence")
	g, book := startGuard(t, Config{Dir: dir, Rules: []Rule{always}, Sinks: []Sink{box}})
	box.next(t, Opened)
	first := box.next(t, Captured).Incident
	wants(t, first, "heap.pb.gz")
	// The delivery may be recorded in it at this very moment.
	waitFor(t, "the folder to go", func() bool { return os.RemoveAll(dir) == nil })
	wants(t, mustCapture(t, g), "heap.pb.gz", "manifest.json")
	box.next(t, Opened)
	box.next(t, Captured)

	dismiss := crowd(int(5 * first.Value)) // so bad that it escalates
	defer dismiss()
	box.next(t, Escalated)
	second := box.next(t, Captured).Incident
	if second.ID != first.ID {
		t.Errorf("%s escalated, %s was open", second.ID, first.ID)
	}
	wants(t, second, "heap.2.pb.gz", "manifest.json")
	if _, err := os.Stat(filepath.Join(second.Folder, "heap.pb.gz")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was removed is back: %v", err)
	}
	m, err := g.Store().Incident(second.ID)
	if err != nil || len(m.Warnings) > 0 || len(m.Captures) != 2 {
		t.Errorf("%d rounds in the manifest, warnings %q, %v", len(m.Captures), m.Warnings, err)
	}
	if lines := book.loud("lost"); len(lines) > 0 {
		t.Errorf("nothing was lost, but: %q", lines)
	}
}
