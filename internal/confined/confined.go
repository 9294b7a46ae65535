package confined

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"

	"github.com/leakguard/leakguard/internal/words"
)

// ErrNotRegular is returned for anything that is not a regular file, such as a
// symbolic link.
var ErrNotRegular = errors.New("not a regular file")

// OpenRegular opens a regular file. It fails with [ErrNotRegular] for anything
// else, such as a symbolic link.
func OpenRegular(root *os.Root, name string, flag int) (*os.File, error) {
	before, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	f, err := root.OpenFile(name, flag, 0)
	if err != nil {
		return nil, err
	}
	if after, err := f.Stat(); err != nil || !os.SameFile(before, after) {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.Join(err, errors.New("replaced while it was being opened"))}
	}
	return f, nil
}

// OpenDir opens a folder below root that is not a symbolic link.
func OpenDir(root *os.Root, name string) (*os.Root, error) {
	before, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("not a folder")}
	}
	dir, err := root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	if after, err := dir.Stat("."); err != nil || !os.SameFile(before, after) {
		dir.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.Join(err, errors.New("replaced while it was being opened"))}
	}
	return dir, nil
}

// Names returns the sorted names in a folder. It returns names only, because
// os.File looks up everything else by path, around the root.
func Names(root *os.Root) ([]string, error) {
	d, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	list, err := d.Readdirnames(-1)
	slices.Sort(list)
	return list, err
}

// ErrTooLarge is returned for a file that exceeds its size limit.
var ErrTooLarge = errors.New("exceeds the store's budget")

// meter counts and hashes what is written to a file, and stops it at a limit.
type meter struct {
	f    *os.File
	sum  hash.Hash
	size int64
	left int64
}

func (m *meter) Write(p []byte) (int, error) {
	if int64(len(p)) > m.left {
		return 0, ErrTooLarge
	}
	n, err := m.f.Write(p)
	m.sum.Write(p[:n])
	m.size += int64(n)
	m.left -= int64(n)
	return n, err
}

// WriteWhole writes a file whole or not at all: a temporary file in the same
// folder, renamed once everything succeeded, including Close, which is where a
// network file system reports a full disk. It removes the temporary file in
// every other case, even if write panics. It fails with [ErrTooLarge] beyond
// limit bytes.
//
// With sync it syncs the file. Without, a killed process loses nothing, but a
// power cut may lose the file.
//
// It returns the size in bytes and the SHA-256 in lower-case hexadecimal.
func WriteWhole(root *os.Root, temp, name string, limit int64, sync bool, write func(io.Writer) error) (size int64, sum string, err error) {
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, "", err
	}
	done := false
	defer func() {
		if !done {
			f.Close() // it may be closed already, which is harmless
			root.Remove(temp)
		}
	}()
	m := &meter{f: f, sum: sha256.New(), left: limit}
	buf := bufio.NewWriterSize(m, 16<<10)
	if err = write(buf); err == nil {
		// Flush also reports an error of the file that write ignored.
		err = buf.Flush()
	}
	if errors.Is(err, ErrTooLarge) {
		err = fmt.Errorf("more than %v: %w", words.Bytes(limit), err)
	}
	if err != nil {
		return 0, "", err
	}
	if sync {
		if err := f.Sync(); err != nil {
			return 0, "", err
		}
	}
	if err := f.Close(); err != nil {
		return 0, "", err
	}
	if err := root.Rename(temp, name); err != nil {
		return 0, "", err
	}
	done = true
	return m.size, hex.EncodeToString(m.sum.Sum(nil)), nil
}

// SyncFile makes a file's content safe from a power cut.
func SyncFile(root *os.Root, name string) error {
	// Windows flushes only files open for writing.
	f, err := OpenRegular(root, name, os.O_RDWR)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// SyncDir makes the names in a folder safe from a power cut. Windows cannot
// sync a folder, and NTFS journals names by itself.
func SyncDir(root *os.Root) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// HashFile returns the SHA-256 of a file in lower-case hexadecimal.
func HashFile(root *os.Root, name string) (string, error) {
	f, err := OpenRegular(root, name, os.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// WriteBytes writes a small file, whole and safe from a power cut.
func WriteBytes(root *os.Root, temp, name string, data []byte) error {
	_, _, err := WriteWhole(root, temp, name, int64(len(data)), true, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	return SyncDir(root)
}
