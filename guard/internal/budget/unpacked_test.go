package budget

import (
	"bytes"
	"compress/gzip"
	"runtime/pprof"
	"testing"
)

func TestPredictUnpacked(t *testing.T) {
	var real, bomb bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&real, 0); err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 50<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	size := int64(bomb.Len())
	if got := PredictUnpacked(&bomb); got < 512<<20 || got < PredictCompare(size) {
		t.Errorf("%d bytes that unpack to 50 MiB: predicted %d MiB, want more than 512", size, got>>20)
	}
	// It must not hold up what the runtime wrote.
	size = int64(real.Len())
	if got, most := PredictUnpacked(&real), PredictCompare(size); got == 0 || got > most {
		t.Errorf("a profile of %d bytes: predicted %d, want at most %d", size, got, most)
	}
	if got := PredictUnpacked(bytes.NewReader([]byte{0x1f, 0x8b, 0})); got != 0 {
		t.Errorf("damaged: predicted %d", got)
	}
}
