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
	if got := PredictUnpacked(&bomb); got < 100<<20 {
		t.Errorf("%d bytes that unpack to 50 MiB: predicted %d MiB, want at least twice that", size, got>>20)
	}
	// Two bytes of a sample become 180 of what the parser makes of them.
	samples := bytes.Repeat([]byte{0x12, 0}, 2<<20)
	if got := PredictUnpacked(bytes.NewReader(samples)); got < 300<<20 {
		t.Errorf("4 MiB of samples: predicted %d MiB, want more than 300", got>>20)
	}
	// It must not hold up what the runtime wrote.
	took := allocated(func() { compareFiles(t, real.Bytes(), real.Bytes()) }) / 2
	if got := PredictUnpacked(&real); got < took || got > 4*took {
		t.Errorf("a profile of the runtime: predicted %d, took %d", got, took)
	}
	if got := PredictUnpacked(bytes.NewReader([]byte{0x1f, 0x8b, 0})); got != 0 {
		t.Errorf("damaged: predicted %d", got)
	}
}
