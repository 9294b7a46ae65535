package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/leakguard/leakguard/guard"
)

const (
	mib = 1 << 20
	// pace is how fast the file is written and read. It is limited so that there is
	// something to see in between.
	pace = 200 * mib // per second
	// hot is how much is read twice. The kernel then treats it as active, and the
	// working set includes it.
	hot = 100 * mib
)

// live does the job in this process's control group, and watches.
func live(dir, record string) error {
	dir, err := diskFolder(dir)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(dir, "pagecache-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	g, err := guard.Start(guard.Config{
		Dir:      filepath.Join(scratch, "leakguard"),
		Interval: 100 * time.Millisecond, // keeps the table up to date
		Logger:   slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return err
	}
	w := &watcher{guard: g, step: "nothing", began: time.Now()}
	header()
	err = w.work(filepath.Join(scratch, "file"))
	incidents := g.Snapshot().Counters.Incidents
	if err := errors.Join(err, g.Close()); err != nil {
		return err
	}
	conclude(w.rows, incidents)
	if record != "" {
		text, err := json.MarshalIndent(w.rows, "", " ")
		if err != nil {
			return err
		}
		return os.WriteFile(record, text, 0o644)
	}
	if incidents != 0 {
		return fmt.Errorf("%d incidents caused only by page cache", incidents)
	}
	return nil
}

// work writes the file, syncs it, reads some of it twice and removes it.
func (w *watcher) work(name string) (err error) {
	w.rest(1500 * time.Millisecond)
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	piece := make([]byte, mib)
	w.step = "writes"
	if err := w.paced(fileSize, func() error { _, err := f.Write(piece); return err }); err != nil {
		return err
	}
	w.step = "fsync"
	if err := f.Sync(); err != nil {
		return err
	}
	w.rest(time.Second)
	for _, w.step = range []string{"reads", "reads again"} {
		if _, err := f.Seek(-hot, io.SeekEnd); err != nil {
			return err
		}
		if err := w.paced(hot, func() error { _, err := io.ReadFull(f, piece); return err }); err != nil {
			return err
		}
	}
	w.rest(time.Second)
	w.step = "removes it"
	if err := os.Remove(name); err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	w.rest(1200 * time.Millisecond)
	return nil
}

// watcher prints a row per second while the work goes on.
type watcher struct {
	guard *guard.Guard
	began time.Time
	step  string
	rows  []row
}

// look prints a row if one is due.
func (w *watcher) look() {
	at := time.Since(w.began)
	if at < time.Duration(len(w.rows))*time.Second {
		return
	}
	r := row{At: at.Truncate(time.Second), Step: w.step, Reading: w.guard.Snapshot().Reading}
	w.rows = append(w.rows, r)
	r.print(w.rows[0].Reading)
}

func (w *watcher) rest(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		w.look()
	}
}

// paced does that many bytes of work, a MiB at a time, no faster than pace.
func (w *watcher) paced(bytes int, work func() error) error {
	for range bytes / mib {
		w.look()
		due := time.Now().Add(time.Second * mib / pace)
		if err := work(); err != nil {
			return err
		}
		time.Sleep(time.Until(due))
	}
	return nil
}
