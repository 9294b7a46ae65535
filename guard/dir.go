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

// openStore opens the store in the folder that was chosen, else in the first of
// the default ones that can be used.
//
// A chosen folder that is dangerous is a fault of the configuration
// ([store.ErrUnsafe]). A default one never is: nobody chose it, and whoever
// can write to the folder of temporary files could otherwise keep the guard
// from starting.
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

// cacheFolder is where evidence goes that nobody chose a place for.
func cacheFolder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("guard: default folder: %w", err)
	}
	// A home that does not exist, such as /nonexistent of a service's
	// account, is not ours to make, even where we could.
	if _, err := os.Stat(filepath.Dir(cache)); err != nil {
		return "", fmt.Errorf("guard: default folder: no home: %w", err)
	}
	return filepath.Join(cache, "leakguard", executable()), nil
}

// tempFolder is where it goes instead. Everybody may write to the folder of
// temporary files, so the one below it has to be ours alone: then nobody else
// can put a link at the place of the store.
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
		return "", fmt.Errorf("guard: default folder: %s is a link, somebody else's or open to others: remove it, or set Config.Dir: %w", parent, store.ErrUnsafe)
	}
	return filepath.Join(parent, executable()), nil
}
