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

// The limits of a store whose [Config] sets none.
const (
	DefaultMaxBytes     = 256 << 20
	DefaultMaxIncidents = 20
	DefaultMaxAge       = 30 * 24 * time.Hour

	minBytes = 1 << 20
)

// Config says where a [Store] is and how much it keeps.
type Config struct {
	// Dir is the store's folder; required. [Open] creates it and its parents
	// with mode 0700 if they do not exist.
	Dir string
	// MaxBytes is how many bytes [Store.Prune] leaves, including baselines. 0
	// means 256 MiB; less than 1 MiB is refused. One incident may take half of
	// it, and one baseline 1/48, so that six of two kinds fit in a quarter. On
	// a file system in memory (tmpfs) it is reduced to a quarter, with a
	// warning, because evidence there counts against the memory limit.
	MaxBytes int64
	// MaxIncidents is how many incidents are kept. 0 means 20.
	MaxIncidents int
	// MaxAge is how long an incident is kept. 0 means 30 days; if negative,
	// incidents do not expire. The newest incident stays however old it is.
	MaxAge time.Duration
}

// Store keeps the evidence: a folder with a folder for each incident, and the
// ladders of baselines. Its methods may be called from several goroutines, and
// several stores, even of several processes, may share a Dir. It holds two
// file descriptors. Methods of a closed store return an error that wraps
// [fs.ErrClosed].
type Store struct {
	dir      string
	reader   *incident.Store
	limits   limits
	maxBytes int64
	warnings []string
	owner    atomic.Pointer[string] // 'pid-token' of this process's ladder
	temps    atomic.Uint64

	pruning sync.Mutex // held for one Prune
	records sync.Mutex // held for one RecordDelivery

	// mu guards the fields below. It is never held while evidence is written.
	mu     sync.Mutex
	root   *os.Root // nil once closed
	ladder *ladder

	// rungsMu guards rungs. It is never held during disk access, so callers
	// that only ask for baselines never wait for the disk.
	rungsMu sync.Mutex
	rungs   []BaselineFile // oldest first
}

// ErrInUse is returned by [Store.Reopen] for an incident that a live process,
// this one included, is still writing.
var ErrInUse = errors.New("in use by a live process")

// ErrUnsafe is returned by [Open] for a folder through which others could
// redirect its writes: a symbolic link, another user's folder, or one that
// others can write to.
var ErrUnsafe = errors.New("not safe for evidence")

// Open opens the store in cfg.Dir, and creates it if it does not exist. It
// fails with [ErrUnsafe] if Dir is a symbolic link, belongs to another user, or
// is writable by others. If Dir cannot be written, the error wraps
// [fs.ErrPermission] or the operating system's own error, such as EROFS. Open
// removes what dead processes left unfinished.
func Open(cfg Config) (*Store, error) {
	var errs []error
	if cfg.Dir == "" {
		errs = append(errs, errors.New("store: Config.Dir is empty: set a folder"))
	}
	if cfg.MaxBytes != 0 && cfg.MaxBytes < minBytes {
		errs = append(errs, fmt.Errorf("store: Config.MaxBytes is %d bytes: want at least %d (1 MiB), or 0 for 256 MiB", cfg.MaxBytes, minBytes))
	}
	if cfg.MaxIncidents < 0 {
		errs = append(errs, fmt.Errorf("store: Config.MaxIncidents is %d: want at least 1, or 0 for %d", cfg.MaxIncidents, DefaultMaxIncidents))
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
	// Make it absolute: the host program may change its working directory, and
	// the store may have to find its folder again.
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", cfg.Dir, err)
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
		s.warnings = append(s.warnings, fmt.Sprintf("%s is on a file system in memory: its files count against the memory limit and are lost on a restart, so the store keeps %v instead of %v", dir, profile.Bytes(cfg.MaxBytes/4), profile.Bytes(cfg.MaxBytes)))
		cfg.MaxBytes /= 4
	}
	s.maxBytes = cfg.MaxBytes
	s.limits = limits{Bytes: cfg.MaxBytes, Incidents: cfg.MaxIncidents, Age: cfg.MaxAge}
	// Sweep first, to make room on a full disk.
	sweep(s.root, time.Now())
	// Creating the ladder also proves that we can write.
	if s.ladder, err = s.newLadder(s.root); err != nil {
		s.root.Close()
		return nil, fmt.Errorf("store: cannot write to %s: %w", dir, err)
	}
	return s, nil
}

// openStoreDir creates and opens the store's folder and checks its owner.
func openStoreDir(dir string) (*os.Root, error) {
	fi, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("store: create folder: %w", err)
		}
		fi, err = os.Lstat(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("store: open folder: %w", err)
	}
	if fi.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("store: %s is a symbolic link: use the folder that it points to: %w", dir, ErrUnsafe)
	}
	if !fi.IsDir() {
		return nil, fmt.Errorf("store: %s is not a folder: use a folder, or remove the file: %w", dir, ErrUnsafe)
	}
	if err := checkOwner(dir, fi); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("store: open folder: %w", err)
	}
	if now, err := root.Stat("."); err != nil || !os.SameFile(fi, now) {
		root.Close()
		return nil, errors.Join(fmt.Errorf("store: %s was replaced while it was being opened: try again", dir), err)
	}
	return root, nil
}

// Dir returns the absolute path of the store's folder.
func (s *Store) Dir() string { return s.dir }

// Warnings returns what Open found odd but not wrong, such as a folder in
// memory.
func (s *Store) Warnings() []string { return slices.Clone(s.warnings) }

// Close closes the store's file descriptors, and lets the baselines of this
// process be swept. It may be called again. Open folders stay open until they
// are closed.
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
		return fmt.Errorf("store: close %s: %w", s.dir, err)
	}
	return nil
}

// attached returns the store's open folder. If the folder was removed or
// replaced, it finds or creates it again: an open folder that was removed looks
// empty forever and accepts no files.
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
		return nil, fmt.Errorf("store: %s was removed and cannot be created again: %w", s.dir, err)
	}
	s.ladder.close()
	s.root.Close()
	s.root, s.ladder = root, l
	s.setRungs(nil) // the files are gone
	return root, nil
}

// tempName returns a unique name for a temporary file.
func (s *Store) tempName() string {
	return layout.TempPrefix + *s.owner.Load() + "-" + strconv.FormatUint(s.temps.Add(1), 10)
}
