package layout

import (
	"errors"
	"io/fs"
	"os"

	"github.com/leakguard/leakguard/internal/confined"
)

// Contents is what an incident's folder holds.
type Contents struct {
	Files    []fs.FileInfo // artefacts, sorted by name
	Temps    []string
	Size     int64
	Manifest bool
	Foreign  bool // something is in it that the store did not write
}

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

// Alien reports whether there is nothing of ours in a folder that holds things
// of others: then it is theirs, whatever its name.
func (c Contents) Alien() bool {
	return c.Foreign && !c.Manifest && len(c.Files) == 0 && len(c.Temps) == 0
}

// reserved reports whether the store writes a file by itself.
func Reserved(name string) bool { return name == ManifestName || name == DeliveryName }
