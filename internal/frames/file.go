package frames

import "strings"

// ShortFile returns the last folder and the name of a source file, such as
// 'storage/cache.go'. Full paths are too long for a line of a log or a report.
func ShortFile(path string) string {
	parts := strings.Split(path, "/") // the compiler writes slashes on Windows, too
	return strings.Join(parts[max(len(parts)-2, 0):], "/")
}
