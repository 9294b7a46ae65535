package layout

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// mostFiles is how many files of an incident are listed. This library writes some dozens;
// a folder that somebody else filled may have a million.
const mostFiles = 4096

// Contents lists what an incident's folder holds.
type Contents struct {
	Files    []fs.FileInfo // artefacts, sorted by name
	More     int           // artefacts beyond those, of which only the size counts
	Temps    []string      // temporary files
	Size     int64         // bytes, including Temps and More
	Manifest bool
	Foreign  bool // it also holds something that the store did not write
}

// Scan lists an incident's folder.
func Scan(dir *os.Root) (c Contents, err error) {
	d, err := dir.Open(".")
	if err != nil {
		return c, err
	}
	defer d.Close()
	for {
		list, err := d.Readdirnames(1024)
		for _, name := range list {
			if err := c.add(dir, name); err != nil {
				return c, err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, err
		}
	}
	slices.SortFunc(c.Files, func(a, b fs.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	slices.Sort(c.Temps)
	return c, nil
}

func (c *Contents) add(dir *os.Root, name string) error {
	fi, err := dir.Lstat(name)
	switch _, temp := ParseTemp(name); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !fi.Mode().IsRegular() || !temp && !ValidName(name):
		c.Foreign = true
	case temp:
		c.Temps = append(c.Temps, name)
		c.Size += fi.Size()
	default:
		c.Size += fi.Size()
		c.Manifest = c.Manifest || name == ManifestName
		switch {
		case Reserved(name):
		case len(c.Files) == mostFiles:
			c.More++
		default:
			c.Files = append(c.Files, fi)
		}
	}
	return nil
}

// Alien reports whether the folder holds foreign things and nothing of ours. It
// then belongs to somebody else, whatever its name.
func (c Contents) Alien() bool {
	return c.Foreign && !c.Manifest && len(c.Files) == 0 && len(c.Temps) == 0
}

// Reserved reports whether name is a file that the store writes itself.
func Reserved(name string) bool {
	return name == ManifestName || name == DeliveryName || name == ExplainingName
}
