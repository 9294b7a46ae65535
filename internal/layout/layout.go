package layout

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// The grammar of every name below Config.Dir. The store lists, counts, opens
// and removes only what parses here; whatever else lies in the folder is
// somebody else's. Hand-written rather than regexps: they would be compiled at
// the start of every host process, also of those that never have an incident.

// stampLayout is UTC to the millisecond, fixed width and without a colon (which
// Windows forbids), so that lexical order is the order of time.
const stampLayout = "20060102T150405.000Z"

const (
	ManifestName = "manifest.json"
	DeliveryName = "delivery.json"
	BaselineDir  = "baseline"
	LockName     = "lock"
	// Black boxes, and the log of deaths that package guard keeps beside them,
	// have names of their own: see blackbox.IsName.
	TempPrefix = ".tmp-"
)

// FileName names the file of a profile in an incident's folder, such as
// 'heap.pb.gz', 'heap-base.pb.gz' or, for the incident's second capture,
// 'heap.2.pb.gz'. Captures count from 1, and 0 means 1.
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

// CrashText is the file of a death's incident that has what the runtime wrote of a
// fatal panic, as far as it was kept.
const CrashText = "crash.txt"

func IsReport(name string) bool {
	return name == ReportText || name == ReportMarkdown || name == ReportHTML
}

// ValidLabel reports whether [store.Store.Create] takes the label, which is the name
// of the rule that opened the incident: 1 to 32 of a-z, 0-9 and '-'.
func ValidLabel(label string) error {
	if len(label) < 1 || len(label) > 32 || !all(label, isLabel) {
		return fmt.Errorf("layout: label %q: want 1 to 32 characters of a-z, 0-9 and '-'", label)
	}
	return nil
}

// extensions are the forms in which evidence is kept.
var extensions = []string{".pb.gz", ".txt", ".md", ".html", ".json"}

// validName reports whether name may be a file of an incident:
// stem[.N].extension, all in lower case, so that it is the same file on every
// file system.
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

// NewIncidentID makes the ID of an incident that opened at that time by the rule
// of that name (see [ValidLabel]): UTC time to the millisecond, the name, and four
// random hexadecimal digits. It is the name of its folder.
func NewID(at time.Time, label string) string {
	return at.UTC().Format(stampLayout) + "-" + label + "-" + Hex4()
}

// parseID takes an incident's folder name apart.
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

// ladderName builds the name of a process's folder of baselines. Temp files
// carry its pid and token, so that their owner can be asked for by its lock: a
// pid alone means nothing to a container with a pid namespace of its own.
func LadderName(start time.Time, owner string) string {
	return start.UTC().Format(stampLayout) + "-" + owner
}

// parseLadder returns the 'pid-token' of a folder of baselines.
func ParseLadder(name string) (owner string, ok bool) {
	_, rest, ok := cutStamp(name)
	if !ok || !strings.HasPrefix(rest, "-") || !validOwner(rest[1:]) {
		return "", false
	}
	return rest[1:], true
}

func BaselineName(kind string, at time.Time) string {
	return kind + "-" + at.UTC().Format(stampLayout) + ".pb.gz"
}

// parseBaseline returns the name of the kind in a baseline's name.
func ParseBaseline(name string) (kind string, ok bool) {
	stem, ok := strings.CutSuffix(name, ".pb.gz")
	if !ok {
		return "", false
	}
	kind, stamp, _ := strings.Cut(stem, "-")
	_, rest, ok := cutStamp(stamp)
	return kind, ok && rest == "" && all(kind, isLabel)
}

// parseTemp returns the 'pid-token' of the process whose temp file it is.
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
	// Parse also takes ',' for '.'; one time has one name.
	if err != nil || at.Format(stampLayout) != s[:len(stampLayout)] {
		return time.Time{}, "", false
	}
	return at, s[len(stampLayout):], true
}

func ValidStamp(at time.Time) error {
	if y := at.UTC().Year(); y < 1 || y > 9999 {
		return fmt.Errorf("year %d has no place in a name: want 1 to 9999", y)
	}
	return nil
}

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

// CutNumber takes the number of the capture off a name; none is the first.
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

// kindName returns the name of the kind of profile that a file's name tells.
func KindName(name string) (kind string, ok bool) {
	stem, ok := strings.CutSuffix(name, ".pb.gz")
	if !ok || !ValidName(name) {
		return "", false
	}
	stem, _, _ = strings.Cut(stem, ".")
	kind, _, _ = strings.Cut(stem, "-")
	return kind, true
}
