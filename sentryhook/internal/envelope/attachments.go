package envelope

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/sentryhook/internal/jsonscan"
)

// MostAttachments is how many attachments Relay takes in an envelope, the note
// included.
const MostAttachments = 30

// fitAttachments leaves out the attachments that would not fit even without any
// profile: the largest first, and of equals the last, since callers give them in the
// order of their use. A note says which were left out, and where they are.
func (f *Fitting) fitAttachments(ctx context.Context) error {
	if f.largest((*item).attachment) == nil {
		return nil
	}
	var hidden []*item
	for it := f.largest((*item).profile); it != nil; it = f.largest((*item).profile) {
		it.gone = true
		hidden = append(hidden, it)
	}
	if !f.attachmentsFit(ctx) {
		order := f.inOrderOfLoss()
		leave := func(n int) {
			for i, it := range order {
				it.gone = i < n
			}
			f.writeNote()
		}
		// The fewest that have to go, in few attempts: each may compress the envelope.
		leave(1 + sort.Search(len(order)-1, func(n int) bool {
			if ctx.Err() != nil {
				return true
			}
			leave(1 + n)
			return f.attachmentsFit(ctx)
		}))
	}
	for _, it := range hidden {
		it.gone = false
	}
	return ctx.Err()
}

// inOrderOfLoss returns the attachments in the order in which they are left out.
func (f *Fitting) inOrderOfLoss() (order []*item) {
	for i := range f.items {
		if it := &f.items[len(f.items)-1-i]; it.attachment() {
			order = append(order, it)
		}
	}
	slices.SortStableFunc(order, func(a, b *item) int { return cmp.Compare(b.size(), a.size()) })
	return order
}

func (f *Fitting) attachmentsFit(ctx context.Context) bool {
	n, size := 0, int64(len(f.note))
	if len(f.note) > 0 {
		n++
	}
	for i := range f.items {
		if it := &f.items[i]; it.attachment() && !it.gone {
			n++
			size += it.size()
		}
	}
	return n <= MostAttachments && size <= f.budgets.Attachments && f.fits(ctx)
}

// noteName is the name of the attachment that says which others were left out.
const noteName = "left-out.txt"

func (f *Fitting) writeNote() {
	var text strings.Builder
	text.WriteString("leakguard left these files out of the envelope, which would have been too large to be accepted:\n")
	for i := range f.items {
		if it := &f.items[i]; it.attachment() && it.gone {
			fmt.Fprintf(&text, "  %s, %v\n", cmp.Or(printable(it.name), "an attachment without a name"), profile.Bytes(it.payload.Len()))
		}
	}
	if folder := printable(cmp.Or(f.Folder, f.evidenceFolder(f.p))); folder != "" {
		fmt.Fprintf(&text, "They are in the folder %s of the machine that sent this.\n", folder)
	}
	f.note = fmt.Appendf(nil, `{"type":"attachment","length":%d,"filename":"%s","content_type":"text/plain"}`+"\n%s\n",
		text.Len(), noteName, text.String())
}

// evidenceFolder returns the folder of an incident's evidence, which its event has as
// contexts.evidence.folder, or "".
func (e *envelope) evidenceFolder(p []byte) (folder string) {
	for i := range e.items {
		if it := &e.items[i]; it.kind == "event" {
			folder = jsonscan.Lookup(it.payload.Of(p), "contexts", "evidence", "folder")
		}
	}
	return folder
}

// printable returns a name or a path without control characters, and no more than 1 KiB
// of it.
func printable(s string) string {
	const most = 1 << 10
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
