package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/leakguard/leakguard/internal/store"
)

// openStore opens the store in Config.Dir, or in the first default folder that can be
// used.
//
// An unsafe Config.Dir is a fault of the configuration ([store.ErrUnsafe]). An unsafe
// default folder is not, because anyone who can write to the directory for temporary
// files could then keep the guard from starting.
func openStore(cfg Config) (kept *store.Store, fault, diskErr error) {
	open := func(dir string) (*store.Store, error) {
		return store.Open(store.Config{
			Dir: dir, MaxBytes: cfg.KeepBytes, MaxIncidents: cfg.KeepIncidents, MaxAge: cfg.KeepAge,
		})
	}
	if cfg.Dir != "" {
		kept, err := open(cfg.Dir)
		if errors.Is(err, store.ErrUnsafe) {
			return nil, fmt.Errorf("guard: Dir: %w", err), nil
		}
		return kept, nil, err
	}
	var errs []error
	for _, find := range []func() (string, error){cacheFolder, tempFolder} {
		dir, err := find()
		if err == nil {
			if kept, err = open(dir); err == nil {
				return kept, nil, nil
			}
		}
		errs = append(errs, err)
	}
	return nil, nil, errors.Join(errs...)
}

// cacheFolder returns the default folder for evidence.
func cacheFolder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("guard: default folder: %w", err)
	}
	// Do not create a missing home directory, such as /nonexistent of a service
	// account, even if that is possible.
	if _, err := os.Stat(filepath.Dir(cache)); err != nil {
		return "", fmt.Errorf("guard: default folder: no home: %w", err)
	}
	return filepath.Join(cache, "leakguard", executable()), nil
}

// tempFolder returns the folder to use if cacheFolder cannot be used. Everyone may write
// to the directory for temporary files, so the store's parent must be closed to other
// users, who could otherwise put a link in the store's place.
func tempFolder() (string, error) {
	parent := filepath.Join(os.TempDir(), "leakguard-"+strconv.Itoa(os.Geteuid()))
	if err := os.Mkdir(parent, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("guard: default folder: %w", err)
	}
	fi, err := os.Lstat(parent)
	if err != nil {
		return "", fmt.Errorf("guard: default folder: %w", err)
	}
	if !fi.IsDir() || !ownedAlone(fi) {
		return "", fmt.Errorf("guard: default folder: %s is not a directory, belongs to another user, or is open to others; remove it, or set Config.Dir: %w", parent, store.ErrUnsafe)
	}
	return filepath.Join(parent, executable()), nil
}
