package budget

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
)

// perUnpackedByte is what reading and comparing take at most for a byte of an
// uncompressed profile: ten times the bytes is the most that [profile.Read] accepts, and a
// comparison keeps that again as rows, texts and the flame graph.
const perUnpackedByte = 20

// PredictUnpacked returns how many bytes reading and comparing a profile allocates at most,
// by its uncompressed size. Unlike [PredictCompare] it also holds for a file that somebody
// else made: 53 KB can unpack to 50 MiB. It reads r to the end, or up to 64 MiB
// uncompressed, and holds none of it. What it cannot read costs nothing, because
// [profile.Read] refuses it.
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
	n, _ := io.Copy(io.Discard, io.LimitReader(raw, largest+1))
	return perUnpackedByte * n
}
