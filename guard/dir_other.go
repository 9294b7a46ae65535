//go:build !unix

package guard

import "io/fs"

// ownedAlone is true where temporary files have a folder of each user's own.
func ownedAlone(fs.FileInfo) bool { return true }
