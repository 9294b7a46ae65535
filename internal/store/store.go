package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// The bounds of a store whose StoreConfig sets none.
const (
	DefaultMaxBytes     = 256 << 20
	DefaultMaxIncidents = 20
	DefaultMaxAge       = 30 * 24 * time.Hour

	minBytes = 1 << 20
)

// StoreConfig says where a [Store] is and how much it keeps.
type Config struct {
	// Dir is the store's folder; required. It and its parents are created
	// if need be, for this user alone (mode 0700).
	Dir string
	// MaxBytes bounds what [Store.Prune] leaves, in bytes, baselines
	// included; zero means 256 MiB, less than 1 MiB is refused. One
	// incident may have half of it and one baseline 1/48, so that six of
	// two kinds fit in a quarter. On a file system that is itself memory
	// (tmpfs) it is a quarter of what is set, with a warning: there,
	// evidence counts against the limit that it is about.
	MaxBytes int64
	// MaxIncidents is how many incidents are kept; zero means 20.
	MaxIncidents int
	// MaxAge is how long an incident is kept; zero means 30 days, a
	// negative one that age is no reason to remove it. The newest
	// incident stays however old it is.
	MaxAge time.Duration
}

// Store keeps the evidence: a folder of incidents, each of them a folder of
// whole files, and the ladder of baselines. Its methods may be called from
// several goroutines, and several stores, also of several processes, may share
// a Dir. It holds three file descriptors. A method of a closed store returns an
// error that is [fs.ErrClosed].
type Store struct {
	dir      string
	reader   *incident.Store
	limits   limits
	maxBytes int64
	warnings []string
	owner    atomic.Pointer[string] // 'pid-token' of our ladder
	temps    atomic.Uint64

	pruning sync.Mutex // held for one Prune
	records sync.Mutex // held for one RecordDelivery

	// mu guards what follows. It is never held while evidence is written.
	mu     sync.Mutex
	root   *os.Root // nil: closed
	ladder *ladder

	// rungsMu guards rungs. It is never held while the disk is touched, so
	// that who only asks for baselines never waits for it.
	rungsMu sync.Mutex
	rungs   []BaselineFile // oldest first
}

// ErrInUse is what [Store.Reopen] returns for an incident that a live process,
// this one included, is still writing.
var ErrInUse = errors.New("in use by a live process")

// ErrUnsafe is what [Open] returns for a folder that others could make it
// write elsewhere from: a symbolic link, another user's, one that others can
// write.
var ErrUnsafe = errors.New("not a safe place for evidence")

// OpenStore opens the store in cfg.Dir, and creates it if need be. It refuses
// a Dir that is a symbolic link, belongs to another user, or can be written by
// others ([ErrUnsafe]); one that cannot be written is an error that wraps [fs.ErrPermission]
// or the operating system's own (EROFS). It removes what dead processes left
// half done: temp files and baselines.
func Open(cfg Config) (*Store, error) {
	var errs []error
	if cfg.Dir == "" {
		errs = append(errs, errors.New("store: StoreConfig.Dir is empty: name a folder"))
	}
	if cfg.MaxBytes != 0 && cfg.MaxBytes < minBytes {
		errs = append(errs, fmt.Errorf("store: StoreConfig.MaxBytes is %d bytes: want at least %d (1 MiB), or 0 for 256 MiB", cfg.MaxBytes, minBytes))
	}
	if cfg.MaxIncidents < 0 {
		errs = append(errs, fmt.Errorf("store: StoreConfig.MaxIncidents is %d: want at least 1, or 0 for %d", cfg.MaxIncidents, DefaultMaxIncidents))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	if cfg.MaxIncidents == 0 {
		cfg.MaxIncidents = DefaultMaxIncidents
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = DefaultMaxAge
	}
	// Absolute, for the host may change its working directory and the store
	// may have to find its folder again.
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("store: store %s: %w", cfg.Dir, err)
	}
	s := &Store{dir: dir}
	if s.root, err = openStoreDir(dir); err != nil {
		return nil, err
	}
	if s.reader, err = incident.OpenStore(dir); err != nil {
		s.root.Close()
		return nil, err
	}
	if inMemory(dir) {
		s.warnings = append(s.warnings, fmt.Sprintf("%s is on a file system in memory, which counts against the limit and is lost with it: keeping %v instead of %v", dir, profile.Bytes(cfg.MaxBytes/4), profile.Bytes(cfg.MaxBytes)))
		cfg.MaxBytes /= 4
	}
	s.maxBytes = cfg.MaxBytes
	s.limits = limits{Bytes: cfg.MaxBytes, Incidents: cfg.MaxIncidents, Age: cfg.MaxAge}
	// Sweeping first makes room on a full disk for what comes next.
	sweep(s.root, time.Now())
	// Making our ladder is at the same time the proof that we can write.
	if s.ladder, err = s.newLadder(s.root); err != nil {
		s.root.Close()
		return nil, fmt.Errorf("store: store %s cannot be written: %w", dir, err)
	}
	return s, nil
}

// openStoreDir creates and opens the store's folder and checks whose it is.
func openStoreDir(dir string) (*os.Root, error) {
	fi, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("store: create store: %w", err)
		}
		fi, err = os.Lstat(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("store: store: %w", err)
	}
	if fi.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("store: store %s is a symbolic link: name the folder that it points to: %w", dir, ErrUnsafe)
	}
	if !fi.IsDir() {
		return nil, fmt.Errorf("store: store %s is not a folder: name one, or remove the file: %w", dir, ErrUnsafe)
	}
	if err := checkOwner(dir, fi); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("store: store: %w", err)
	}
	if now, err := root.Stat("."); err != nil || !os.SameFile(fi, now) {
		root.Close()
		return nil, errors.Join(fmt.Errorf("store: store %s was replaced while it was opened: open it again", dir), err)
	}
	return root, nil
}

// Dir returns the absolute path of the store's folder.
func (s *Store) Dir() string { return s.dir }

// Warnings returns what was found odd on opening but is no error, such as a
// folder that lies in memory.
func (s *Store) Warnings() []string { return slices.Clone(s.warnings) }

// Close gives the store's file descriptors back and leaves this process's
// baselines to be swept. It may be called again. Folders that are open stay
// so until they are closed.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root == nil {
		return nil
	}
	err := errors.Join(s.ladder.close(), s.root.Close())
	s.root, s.ladder = nil, nil
	s.setRungs(nil)
	if err != nil {
		return fmt.Errorf("store: close store %s: %w", s.dir, err)
	}
	return nil
}

// attached returns the store's open folder, after finding it again or making it
// anew if it was removed or replaced: an open folder that was removed looks
// empty for ever and takes no file.
func (s *Store) attached() (*os.Root, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root == nil {
		return nil, fs.ErrClosed
	}
	there, err := os.Lstat(s.dir)
	if err == nil {
		if ours, err := s.root.Stat("."); err == nil && os.SameFile(there, ours) {
			return s.root, nil
		}
	}
	root, err := openStoreDir(s.dir)
	if err != nil {
		return nil, err
	}
	l, err := s.newLadder(root)
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("store: store %s was removed and cannot be written anew: %w", s.dir, err)
	}
	s.ladder.close()
	s.root.Close()
	s.root, s.ladder = root, l
	s.setRungs(nil) // their files are gone
	return root, nil
}

// tempName returns a name for a file in the making that no other has.
func (s *Store) tempName() string {
	return layout.TempPrefix + *s.owner.Load() + "-" + strconv.FormatUint(s.temps.Add(1), 10)
}
