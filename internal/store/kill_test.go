//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// A payload proves by itself that it is whole: its hash, then its body.

func writePayload(rnd *rand.Rand) func(io.Writer) error {
	return func(w io.Writer) error {
		body := bytes.Repeat([]byte{byte(rnd.Uint32())}, 1+rnd.IntN(60_000))
		sum := sha256.Sum256(body)
		if _, err := w.Write(sum[:]); err != nil {
			return err
		}
		for len(body) > 0 { // bit by bit, for the kill to find a gap
			n := min(len(body), 1+rnd.IntN(8_000))
			if _, err := w.Write(body[:n]); err != nil {
				return err
			}
			body = body[n:]
		}
		return nil
	}
}

func checkPayload(data []byte) error {
	if len(data) < sha256.Size {
		return fmt.Errorf("torn: %d bytes", len(data))
	}
	if sum := sha256.Sum256(data[sha256.Size:]); !bytes.Equal(sum[:], data[:sha256.Size]) {
		return fmt.Errorf("torn: %d bytes that do not hash to what they say", len(data))
	}
	return nil
}

const killDirEnv = "LEAKGUARD_TEST_KILL_DIR"

var killConfig = Config{MaxBytes: 4 << 20, MaxIncidents: 4}

// TestKilledWriter is the process that TestKill kills: it does all that a store
// can do, for ever. Its parent's death ends it too: nobody reads its output.
func TestKilledWriter(t *testing.T) {
	dir := os.Getenv(killDirEnv)
	if dir == "" {
		t.Skip("only a child of TestKill runs this")
	}
	rnd := rand.New(rand.NewPCG(rand.Uint64(), 0))
	cfg := killConfig
	cfg.Dir = dir
	for {
		s, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := killedIncident(s, rnd); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stdout.WriteString("."); err != nil {
				os.Exit(0)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func killedIncident(s *Store, rnd *rand.Rand) error {
	now := time.Now()
	base, err := s.WriteBaseline(profile.Heap, now, 7, writePayload(rnd))
	if err != nil {
		return err
	}
	f, err := s.Create(now, "heap")
	if err != nil {
		return err
	}
	defer f.Close()
	for i := range 1 + rnd.IntN(3) {
		if _, err := f.Write(layout.FileName("heap", "", i+1), writePayload(rnd)); err != nil {
			return err
		}
	}
	if _, err := f.Link(layout.FileName("heap", "base", 1), base); err != nil {
		return err
	}
	if rnd.IntN(4) == 0 {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	for range 1 + rnd.IntN(2) {
		if err := f.WriteManifest(incident.Manifest{Rule: "heap", Opened: now, Readings: make([]incident.Reading, rnd.IntN(20))}); err != nil {
			return err
		}
	}
	if err := s.RecordDelivery(f.ID(), accept("log", 1, "opened")); err != nil {
		return err
	}
	_, err = s.Prune(now, f.ID())
	return err
}

// TestKill kills writers at random moments, two of them at a time over one
// folder, and looks after each kill, while the other goes on, that nothing under
// a final name is torn.
func TestKill(t *testing.T) {
	kills := testenv.Scaled(1000, 100)
	if testenv.RaceEnabled { // the detector has nothing to say of other processes
		kills = 100
	}
	dir := filepath.Join(t.TempDir(), "store")
	cfg := killConfig
	cfg.Dir = dir
	const writers = 2
	var left, written, checked atomic.Int64
	left.Store(int64(kills))
	done := make(chan error)
	for range writers {
		go func() {
			var errs []error
			for i := left.Add(-1); i >= 0 && len(errs) < 5; i = left.Add(-1) {
				n, err := killOne(dir, i%4 == 0)
				written.Add(n)
				errs = append(errs, err...)
				n, err = checkAfterKill(cfg, writers)
				checked.Add(n)
				errs = append(errs, err...)
			}
			done <- errors.Join(errs...)
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	// All are dead. The next start mends what they left.
	s := openTestStore(t, cfg)
	if _, err := s.Prune(time.Now()); err != nil {
		t.Error(err)
	}
	checkNoTemps(t, dir)
	list, err := s.Incidents()
	if err != nil || len(list) < 1 || len(list) > cfg.MaxIncidents {
		t.Errorf("%d incidents are left, %v", len(list), err)
	}
	if ladders, _ := os.ReadDir(filepath.Join(dir, layout.BaselineDir)); len(ladders) != 1 {
		t.Errorf("%d ladders are left, only one process lives", len(ladders))
	}
	if size := diskUse(t, dir); size > s.maxBytes {
		t.Errorf("%v are left, of at most %v", profile.Bytes(size), profile.Bytes(s.maxBytes))
	}
	t.Logf("%d kills, %d incidents finished, %d files checked", kills, written.Load(), checked.Load())
}

// killOne starts a writer, kills it, and returns how many incidents it finished.
// Early, the kill comes at a random moment from before it has opened its store;
// else at one after its first incident, however slow the machine is.
func killOne(dir string, early bool) (finished int64, errs []error) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$", "-test.v=false")
	cmd.Env = append(os.Environ(), killDirEnv+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return 0, []error{err}
	}
	var first [1]byte
	if !early {
		if _, err := io.ReadFull(stdout, first[:]); err != nil {
			errs = append(errs, err)
		}
	}
	time.Sleep(time.Duration(rand.Int64N(int64(20 * time.Millisecond))))
	if err := cmd.Process.Kill(); err != nil {
		errs = append(errs, err)
	}
	rest, err := io.ReadAll(stdout)
	if err != nil {
		errs = append(errs, err)
	}
	out := string(first[:]) + string(rest)
	if err := cmd.Wait(); err == nil || strings.Contains(out, "FAIL") {
		errs = append(errs, fmt.Errorf("the writer ended by itself: %v\n%s%s", err, out, &stderr))
	}
	return int64(strings.Count(out, ".")), errs
}

// checkAfterKill is the next start of the service.
func checkAfterKill(cfg Config, writers int) (checked int64, errs []error) {
	s, err := Open(cfg)
	if err != nil {
		return 0, []error{err}
	}
	defer s.Close()
	if _, err := s.Prune(time.Now()); err != nil {
		errs = append(errs, err)
	}
	list, err := s.Incidents()
	if err != nil {
		errs = append(errs, err)
	}
	// A living writer has one open and may have made another since.
	if most := cfg.MaxIncidents + 2*writers; len(list) > most {
		errs = append(errs, fmt.Errorf("%d incidents, want at most %d", len(list), most))
	}
	for _, m := range list {
		for _, a := range m.Artefacts {
			// Gone is fine: pruned by the other. Torn is not.
			data, err := os.ReadFile(filepath.Join(s.Dir(), m.ID, a.Name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			checked++
			if err = errors.Join(err, checkPayload(data)); err != nil {
				errs = append(errs, fmt.Errorf("%s/%s: %w", m.ID, a.Name, err))
			}
			if sum := sha256.Sum256(data); a.SHA256 != "" && a.SHA256 != hex.EncodeToString(sum[:]) {
				errs = append(errs, fmt.Errorf("%s/%s is not what its manifest says", m.ID, a.Name))
			}
		}
		for _, w := range m.Warnings {
			if strings.Contains(w, "parse") || strings.Contains(w, "bytes") {
				errs = append(errs, fmt.Errorf("%s: %s", m.ID, w))
			}
		}
		if _, err := s.Delivery(m.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	baselines, _ := filepath.Glob(filepath.Join(s.Dir(), layout.BaselineDir, "*", "*.pb.gz"))
	for _, path := range baselines {
		if data, err := os.ReadFile(path); err == nil {
			checked++
			if err := checkPayload(data); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", path, err))
			}
		}
	}
	return checked, errs
}

func diskUse(t *testing.T, dir string) (size int64) {
	for _, path := range tree(t, dir) {
		if fi, err := os.Lstat(filepath.Join(dir, path)); err == nil && fi.Mode().IsRegular() {
			size += fi.Size()
		}
	}
	return size
}
