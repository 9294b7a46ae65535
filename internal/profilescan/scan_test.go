package profilescan

import (
	"bytes"
	"errors"
	"testing"
	"testing/iotest"

	"github.com/leakguard/leakguard/internal/profiletest"
)

// A stream that is read byte by byte is found to hold what the same bytes in memory do.
func TestReaderFindsWhatBytesFinds(t *testing.T) {
	heap := profiletest.Unzip(t, profiletest.Encode(t, profiletest.HeapOf(200, 1, 1)))
	labels := profiletest.Unzip(t, profiletest.Encode(t, profiletest.StackOf("goroutine", map[string]int64{"a.F:1 a.G:2 # k=v": 3, "a.H": 1})))
	for name, data := range map[string][]byte{
		"heap": heap, "labels": labels, "truncated": heap[:len(heap)-len(heap)/3], "empty": nil,
		"a long number": bytes.Repeat([]byte{0xff}, 20), "wire type 3": {0x0b}, "endless": {0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"longer than its message": {0x12, 0x03, 0x0a, 0x05, 0x01, 0x01, 0x01, 0x01, 0x01},
	} {
		want, wantErr := Bytes(data)
		got, err := Reader(iotest.OneByteReader(bytes.NewReader(data)))
		if err == nil && got != want || (err == nil) != (wantErr == nil) || wantErr != nil && err.Error() != wantErr.Error() {
			t.Errorf("%s: %+v, %v; in memory %+v, %v", name, got, err, want, wantErr)
		}
	}
}

func TestScanCounts(t *testing.T) {
	p := profiletest.StackOf("goroutine", map[string]int64{"a.F:1 a.G:2 # k=v": 3, "a.H a.G:2": 1})
	f, err := Bytes(profiletest.Unzip(t, profiletest.Encode(t, p)))
	if err != nil || f.Samples != 2 || f.Frames != 4 || f.Labeled != 1 || f.Locations != 3 || f.Lines != 3 || f.MostLines != 1 || f.Functions != 3 || f.Profiles != 1 {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestReaderReturnsItsError(t *testing.T) {
	broken := errors.New("broken")
	if _, err := Reader(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
