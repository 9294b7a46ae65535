package layout

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// This file has the grammar of every name below Config.Dir. The store lists,
// counts, opens and removes only what parses here; everything else in the
// folder belongs to somebody else. The parsers are written by hand, because
// regular expressions would be compiled at the start of every host process,
// even one that never has an incident.

// stampLayout is UTC to the millisecond. It has a fixed width, so lexical order
// is time order, and no colon, which Windows forbids.
const stampLayout = "20060102T150405.000Z"

// The fixed names. TempPrefix begins the name of every temporary file.
const (
	ManifestName = "manifest.json"
	DeliveryName = "delivery.json"
	// ExplainingName marks an incident that a later process is explaining.
	ExplainingName = "explaining.txt"

	BaselineDir = "baseline"
	LockName    = "lock"
	// Black boxes, and the log of deaths beside them, have names of their own:
	// see blackbox.IsName.
	TempPrefix = ".tmp-"
)

// FileName returns the name of a profile's file in an incident's folder, such
// as 'heap.pb.gz', 'heap-base.pb.gz' or, for the incident's second capture,
// 'heap.2.pb.gz'. Captures count from 1; 0 means 1.
func FileName(kind, variant string, capture int) string {
	name := kind
	if variant != "" {
		name += "-" + variant
	}
	if capture > 1 {
		name += "." + strconv.Itoa(capture)
	}
	return name + ".pb.gz"
}

// The files of an incident's report.
const (
	ReportText     = "report.txt"
	ReportMarkdown = "report.md"
	ReportHTML     = "report.html"
)

// CrashText is the file in the incident of a death that holds what the runtime
// printed about a fatal panic, as far as it was saved.
const CrashText = "crash.txt"

// IsReport reports whether name is a rendering of the report.
func IsReport(name string) bool {
	return name == ReportText || name == ReportMarkdown || name == ReportHTML
}

// ValidLabel returns an error unless label can name the rule that opened an
// incident: 1 to 32 characters of a-z, 0-9 and '-'.
func ValidLabel(label string) error {
	if len(label) < 1 || len(label) > 32 || !all(label, isLabel) {
		return fmt.Errorf("layout: label %q: want 1 to 32 characters of a-z, 0-9 and '-'", label)
	}
	return nil
}

// extensions are those of the files of an incident.
var extensions = []string{".pb.gz", ".txt", ".md", ".html", ".json"}

// ValidName reports whether name may be a file of an incident:
// stem[.N].extension. It is all in lower case, so that it is the same file on
// every file system.
func ValidName(name string) bool {
	stem, ok := cutExtension(name)
	if !ok {
		return false
	}
	if base, n, numbered := strings.Cut(stem, "."); numbered {
		if len(n) < 1 || len(n) > 6 || n[0] == '0' || !all(n, isDigit) {
			return false
		}
		stem = base
	}
	return len(stem) >= 1 && len(stem) <= 48 && stem[0] != '-' && all(stem, isLabel)
}

func cutExtension(name string) (string, bool) {
	for _, ext := range extensions {
		if stem, ok := strings.CutSuffix(name, ext); ok {
			return stem, true
		}
	}
	return "", false
}

// NewID makes the ID of an incident that opened at that time by the rule with
// that name (see [ValidLabel]): UTC time to the millisecond, the name, and four
// random hexadecimal digits. It is the name of the incident's folder.
func NewID(at time.Time, label string) string {
	return at.UTC().Format(stampLayout) + "-" + label + "-" + Hex4()
}

// ParseID splits the ID of an incident into the time at which it opened and the
// name of its rule.
func ParseID(id string) (at time.Time, label string, ok bool) {
	at, rest, ok := cutStamp(id)
	if !ok || len(rest) < len("-x-0000") || rest[0] != '-' {
		return time.Time{}, "", false
	}
	label, random := rest[1:len(rest)-5], rest[len(rest)-4:]
	if rest[len(rest)-5] != '-' || !all(random, isHex) || ValidLabel(label) != nil {
		return time.Time{}, "", false
	}
	return at, label, true
}

// LadderName returns the name of a process's folder of baselines. owner is
// 'pid-token'. Temporary files have it in their names too, so that the folder's
// lock says whether their owner is alive. A pid alone means nothing to a
// container with its own pid namespace.
func LadderName(start time.Time, owner string) string {
	return start.UTC().Format(stampLayout) + "-" + owner
}

// ParseLadder returns the 'pid-token' in the name of a folder of baselines.
func ParseLadder(name string) (owner string, ok bool) {
	_, rest, ok := cutStamp(name)
	if !ok || !strings.HasPrefix(rest, "-") || !validOwner(rest[1:]) {
		return "", false
	}
	return rest[1:], true
}

// BaselineName returns the name of a baseline of that kind, taken at that time.
func BaselineName(kind string, at time.Time) string {
	return kind + "-" + at.UTC().Format(stampLayout) + ".pb.gz"
}

// ParseBaseline returns the name of the kind in a baseline's name.
func ParseBaseline(name string) (kind string, ok bool) {
	stem, ok := strings.CutSuffix(name, ".pb.gz")
	if !ok {
		return "", false
	}
	kind, stamp, _ := strings.Cut(stem, "-")
	_, rest, ok := cutStamp(stamp)
	return kind, ok && rest == "" && all(kind, isLabel)
}

// ParseTemp returns the 'pid-token' of the process that owns a temporary file.
func ParseTemp(name string) (owner string, ok bool) {
	rest, ok := strings.CutPrefix(name, TempPrefix)
	if !ok {
		return "", false
	}
	i := strings.LastIndexByte(rest, '-')
	if i < 0 || i+1 == len(rest) || len(rest)-i > 21 || !all(rest[i+1:], isDigit) || !validOwner(rest[:i]) {
		return "", false
	}
	return rest[:i], true
}

func validOwner(owner string) bool {
	pid, token, ok := strings.Cut(owner, "-")
	return ok && len(pid) >= 1 && len(pid) <= 20 && all(pid, isDigit) && len(token) == 4 && all(token, isHex)
}

func cutStamp(s string) (at time.Time, rest string, ok bool) {
	if len(s) < len(stampLayout) {
		return time.Time{}, "", false
	}
	at, err := time.Parse(stampLayout, s[:len(stampLayout)])
	// Parse also accepts ',' for '.', but one time must have one name.
	if err != nil || at.Format(stampLayout) != s[:len(stampLayout)] {
		return time.Time{}, "", false
	}
	return at, s[len(stampLayout):], true
}

// ValidStamp returns an error unless a name can contain the time: years 1 to 9999.
func ValidStamp(at time.Time) error {
	if y := at.UTC().Year(); y < 1 || y > 9999 {
		return fmt.Errorf("year %d cannot be part of a name: want 1 to 9999", y)
	}
	return nil
}

// Hex4 returns four random hexadecimal digits.
func Hex4() string { return fmt.Sprintf("%04x", rand.Uint32()&0xffff) }

func all(s string, class func(byte) bool) bool {
	for i := range len(s) {
		if !class(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || 'a' <= c && c <= 'f' }
func isLabel(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'z' || c == '-' }

// CutNumber splits the number of the capture off a name. No number means 1.
func CutNumber(stem string) (string, int) {
	stem, number, _ := strings.Cut(stem, ".")
	n := 0
	for i := range len(number) {
		if n = 10*n + int(number[i]-'0'); n > 1e6 {
			break
		}
	}
	return stem, max(n, 1)
}

// KindName returns the name of the kind of profile that a file holds, by its
// name.
func KindName(name string) (kind string, ok bool) {
	stem, ok := strings.CutSuffix(name, ".pb.gz")
	if !ok || !ValidName(name) {
		return "", false
	}
	stem, _, _ = strings.Cut(stem, ".")
	kind, _, _ = strings.Cut(stem, "-")
	return kind, true
}
