package envelope

import (
	"bytes"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/jsonscan"
	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

func FuzzEnvelope(f *testing.F) {
	for _, s := range relaytest.EnvelopeSeeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, ok := readEnvelope(body)
		if !ok {
			return
		}
		at := e.head.End
		for i := range e.items {
			it := &e.items[i]
			if it.header.Start != at || it.payload.Start != it.header.End || it.payload.End < it.payload.Start || it.end < it.payload.End {
				t.Fatalf("item %d lies wrong: %+v", i, it)
			}
			at = it.end
		}
		if len(bytes.Trim(body[at:], "\n")) > 0 {
			t.Fatalf("%q is in no item", body[at:])
		}
		// If it is rewritten although nothing is gone, it is the same.
		e.items = append(e.items, item{kind: "x", gone: true, header: jsonscan.Span{Start: at, End: at}, payload: jsonscan.Span{Start: at, End: at}, end: at})
		var out bytes.Buffer
		if err := e.write(body, &out); err != nil || !bytes.Equal(out.Bytes(), body) {
			t.Fatalf("%v: %q became %q", err, body, &out)
		}
	})
}
