package layout

import (
	"errors"
	"io/fs"
	"os"

	"github.com/leakguard/leakguard/internal/confined"
)

// Contents lists what an incident's folder holds.
type Contents struct {
	Files    []fs.FileInfo // artefacts, sorted by name
	Temps    []string      // temporary files
	Size     int64         // bytes, including Temps
	Manifest bool
	Foreign  bool // it also holds something that the store did not write
}

// Scan lists an incident's folder.
func Scan(dir *os.Root) (Contents, error) {
	var c Contents
	list, err := confined.Names(dir)
	if err != nil {
		return c, err
	}
	for _, name := range list {
		fi, err := dir.Lstat(name)
		switch _, temp := ParseTemp(name); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return c, err
		case !fi.Mode().IsRegular() || !temp && !ValidName(name):
			c.Foreign = true
		case temp:
			c.Temps = append(c.Temps, name)
			c.Size += fi.Size()
		default:
			c.Size += fi.Size()
			c.Manifest = c.Manifest || name == ManifestName
			if !Reserved(name) {
				c.Files = append(c.Files, fi)
			}
		}
	}
	return c, nil
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
