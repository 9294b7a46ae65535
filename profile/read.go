package profile

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/profilescan"
)

// The errors of [Read] for files that it cannot use. Test for them with
// [errors.Is].
var (
	// ErrNotProfile means that the file has another format, is a profile in
	// text form, is damaged, or ends too early.
	ErrNotProfile = errors.New("not a pprof profile")
	// ErrTooLarge means that the profile exceeds a limit of [Read].
	ErrTooLarge = errors.New("profile too large")
)

// notProfile is an ErrNotProfile with a message of its own.
type notProfile string

func (e notProfile) Error() string        { return string(e) }
func (e notProfile) Is(target error) bool { return target == ErrNotProfile }

const (
	errText      notProfile = "this is a profile in text form: fetch it again with debug=0"
	errTruncated notProfile = "the file ends too early"
)

// The limits of [Read]. A heap profile takes about 100 bytes a stack, and 1.5
// KiB once it is parsed, so these limits allow for 400,000 stacks, of which a
// report names the first few. The second limit is needed because the parser
// turns a sample of 2 bytes into 180.
const (
	maxRawProfile    = 64 << 20
	maxParsedProfile = 640 << 20
)

// Read reads a profile in the pprof format, gzipped or not, of any program. Its
// memory use is proportional to the content of the profile. Before parsing, it
// refuses a profile of more than 64 MiB uncompressed, or one that would take
// more than 640 MiB parsed, with [ErrTooLarge]. Other errors are
// [ErrNotProfile] and those of r. A profile without samples is not an error:
// for a kind such as [GoroutineLeak] it is good news.
func Read(r io.Reader) (*pprofile.Profile, error) {
	p, err := readProfile(r)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return p, nil
}

// ReadFile is like [Read], but reads the named file and names it in its errors.
func ReadFile(name string) (*pprofile.Profile, error) {
	// Opening a named pipe waits for a writer without end.
	if fi, err := os.Stat(name); err == nil && !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("profile: %s is not a regular file: save the profile to a file first", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	defer f.Close()
	p, err := readProfile(f)
	if err != nil {
		return nil, fmt.Errorf("profile: %s: %w", name, err)
	}
	return p, nil
}

func readProfile(r io.Reader) (*pprofile.Profile, error) {
	raw, err := readRaw(r)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	p, err := parseRaw(raw)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	return p, nil
}

// readRaw returns the content uncompressed.
func readRaw(r io.Reader) ([]byte, error) {
	buffered := bufio.NewReaderSize(r, 32<<10)
	magic, err := buffered.Peek(2)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return readBounded(buffered)
	}
	zr, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, gzipError(err)
	}
	raw, err := readBounded(zr)
	if err != nil {
		return nil, gzipError(err)
	}
	return raw, nil
}

func gzipError(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%w, within its gzip data: copy it again", errTruncated)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return fmt.Errorf("%w: its gzip data is damaged: %w", ErrNotProfile, err)
	}
	return err
}

// readBounded reads all of r up to the limit. It collects pieces and joins them
// once, because a buffer that grows as it fills would allocate three times the
// content.
func readBounded(r io.Reader) ([]byte, error) {
	var pieces [][]byte
	total := 0
	for size := 32 << 10; ; size = min(2*size, 1<<20) {
		piece := make([]byte, size)
		n, err := 0, error(nil)
		for n < size && err == nil {
			var m int
			m, err = r.Read(piece[n:])
			n += m
		}
		if total += n; total > maxRawProfile {
			return nil, fmt.Errorf("%w: more than %v uncompressed", ErrTooLarge, Bytes(maxRawProfile))
		}
		pieces = append(pieces, piece[:n])
		switch err {
		case nil:
		case io.EOF:
			return bytes.Join(pieces, nil), nil
		default:
			return nil, err
		}
	}
}

// parseRaw parses uncompressed content.
func parseRaw(raw []byte) (p *pprofile.Profile, err error) {
	if err := sniff(raw); err != nil {
		return nil, err
	}
	found, err := profilescan.Bytes(raw)
	switch {
	case errors.Is(err, profilescan.ErrTruncated):
		return nil, fmt.Errorf("%w, or it is not a pprof profile", errTruncated)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotProfile, err)
	case found.Profiles > 1:
		return nil, fmt.Errorf("%w but several profiles in one file: split them", ErrNotProfile)
	case found.Parsed > maxParsedProfile:
		return nil, fmt.Errorf("%w: parsing it would take about %v, more than %v", ErrTooLarge, Bytes(found.Parsed), Bytes(maxParsedProfile))
	}
	// The parser expects files of trusted origin and has panicked on others.
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("%w: the parser panicked: %v", ErrNotProfile, r)
		}
	}()
	p, err = pprofile.ParseUncompressed(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotProfile, err)
	}
	if len(p.SampleType) == 0 {
		return nil, fmt.Errorf("%w: it has no sample types", ErrNotProfile)
	}
	if err := p.CheckValid(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotProfile, err)
	}
	return p, nil
}

// formats lists how files begin that people mistake for profiles.
var formats = []struct {
	prefix string
	err    error
}{
	{"goroutine profile: ", errText},
	{"goroutineleak profile: ", errText},
	{"threadcreate profile: ", errText},
	{"goroutine ", errText}, // debug=2, and the output of a panic
	{"heap profile: ", errText},
	{"--- mutex:", errText},
	{"--- contention:", errText},
	{"<", fmt.Errorf("%w but HTML or XML: check that the URL is that of the profile itself", ErrNotProfile)},
	{"{", fmt.Errorf("%w but JSON", ErrNotProfile)},
	{"go 1.", fmt.Errorf("%w but an execution trace: open it with go tool trace", ErrNotProfile)},
	{"PK\x03\x04", fmt.Errorf("%w but a zip archive: unpack it first", ErrNotProfile)},
	{"\x7fELF", fmt.Errorf("%w but a program or core dump", ErrNotProfile)},
	{"PERFILE2", fmt.Errorf("%w but data of perf", ErrNotProfile)},
	{"\x28\xb5\x2f\xfd", fmt.Errorf("%w but zstd data: decompress it first", ErrNotProfile)},
	{"\x1f\x8b", fmt.Errorf("%w but gzip data twice over: decompress it once", ErrNotProfile)},
}

// sniff recognises files that are not profiles. A profile begins with a message
// of field 1, whose second or third byte never occurs in text.
func sniff(raw []byte) error {
	if len(raw) == 0 {
		return fmt.Errorf("%w: it is empty", errTruncated)
	}
	for _, f := range formats {
		if bytes.HasPrefix(bytes.TrimLeft(raw[:min(len(raw), 512)], " \r\n\t\xef\xbb\xbf"), []byte(f.prefix)) {
			return f.err
		}
	}
	for _, c := range raw[:min(len(raw), 64)] {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return nil
		}
	}
	return fmt.Errorf("%w but text", ErrNotProfile)
}
