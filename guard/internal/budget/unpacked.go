package budget

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"

	"github.com/leakguard/leakguard/internal/profilescan"
)

// What comparing allocates for each thing that a profile holds, in bytes, on top of
// parsing it. The figures are measured on profiles that are made to be expensive; a test
// asserts that a comparison never takes more.
const (
	perSample   = 1 << 10   // its place in the flame graph, a group of goroutines and that group's row
	perFrame    = 4         // in the flame graph
	perLocation = 120       // its frames, by location
	perLine     = 12 + 2*80 // a frame, and its part of two rows
	perFunction = 1 << 10   // what is known about it, its rows, its package and module, a suspect
	perLabeled  = 4 << 10   // the texts of 16 labels, sorted, joined and kept

	flameDepth  = 128      // the outermost frames of a stack that the flame graph has
	flameFrames = 16 << 20 // and in all stacks
	flameTree   = 4 << 20  // its nodes
	perNode     = 256
	// perComparison is what a comparison takes whatever it compares.
	perComparison = 64 << 10
)

// PredictUnpacked returns how many bytes reading and comparing a profile allocates at most,
// by what it holds. Unlike [PredictCompare] it also holds for a file that somebody else
// made: 53 KB can unpack to 50 MiB, and 1 MiB of samples becomes 100. It reads r to the
// end, or up to 64 MiB uncompressed, and holds none of it. What it cannot read costs no
// more than the bytes, because [profile.Read] refuses it.
func PredictUnpacked(r io.Reader) int64 {
	buffered := bufio.NewReader(r)
	var raw io.Reader = buffered
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return 0
		}
		raw = z
	}
	f, err := profilescan.Reader(io.LimitReader(raw, largest+1))
	// Reading holds the bytes in pieces, and then in one.
	reading := 3*f.Bytes + 64<<10
	if err != nil || f.Parsed > largestParsed {
		return reading
	}
	return reading + f.Parsed + predictCompared(f)
}

func predictCompared(f profilescan.Found) int64 {
	frames := min(f.Frames*max(1, f.MostLines), f.Samples*flameDepth, flameFrames)
	return perComparison + min(flameTree, perNode*frames) + perSample*f.Samples + perFrame*frames + perLocation*f.Locations + perLine*f.Lines +
		perFunction*(f.Functions+1) + perLabeled*f.Labeled
}

// PredictText returns how many bytes reading goroutines as text allocates at most, by the
// size of the file.
func PredictText(size int64) int64 {
	const (
		perByte = 32 // a goroutine of 30 bytes is an element of 136 in a list that doubles; Go 1.25 takes 26
		most    = 16 << 20
	)
	return perByte * min(max(0, size), most+1)
}
