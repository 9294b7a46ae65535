package sentryhook

import (
	"context"
	"fmt"
	"strings"

	"github.com/leakguard/leakguard/profile"
)

// mostAttachments is how many Relay takes in an envelope; the note is one.
const mostAttachments = 30

func (it *item) attachment() bool { return it.kind == "attachment" }

// fitAttachments leaves out the attachments that would not fit even if no
// profile went with them: the largest first, of equals the last, as they are
// given in the order of their use. A note says which, and where they are.
func (f *fitting) fitAttachments(ctx context.Context) error {
	if f.largest((*item).attachment) == nil {
		return nil
	}
	var hidden []*item
	for it := f.largest((*item).profile); it != nil; it = f.largest((*item).profile) {
		it.gone = true
		hidden = append(hidden, it)
	}
	for !f.attachmentsFit() {
		it := f.largest((*item).attachment)
		if it == nil || ctx.Err() != nil {
			break
		}
		it.gone = true
		f.writeNote()
	}
	for _, it := range hidden {
		it.gone = false
	}
	return ctx.Err()
}

func (f *fitting) attachmentsFit() bool {
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
	return n <= mostAttachments && size <= f.budgets.attachmentsSum && f.fits()
}

// noteName is the attachment that says which others were left out.
const noteName = "left-out.txt"

func (f *fitting) writeNote() {
	var text strings.Builder
	text.WriteString("leakguard left out of this envelope, which would have been too large to be accepted:\n")
	for i := range f.items {
		if it := &f.items[i]; it.attachment() && it.gone {
			name := it.name
			if name == "" {
				name = "an attachment without a name"
			}
			fmt.Fprintf(&text, "  %s, %v\n", name, profile.Bytes(it.payload.len()))
		}
	}
	if folder := f.evidenceFolder(f.p); folder != "" {
		fmt.Fprintf(&text, "They lie in the folder %s of the machine that sent this.\n", folder)
	}
	f.note = fmt.Appendf(nil, `{"type":"attachment","length":%d,"filename":"%s","content_type":"text/plain"}`+"\n%s\n",
		text.Len(), noteName, text.String())
}

// evidenceFolder returns the folder of an incident's evidence, which its event
// has as contexts.evidence.folder; "" where there is none.
func (e *envelope) evidenceFolder(p []byte) (folder string) {
	for i := range e.items {
		if it := &e.items[i]; it.kind == "event" {
			folder = lookup(it.payload.of(p), "contexts", "evidence", "folder")
		}
	}
	return folder
}

// lookup returns a string within objects, or "".
func lookup(p []byte, path ...string) (found string) {
	var in func(i int, path []string) int
	in = func(i int, path []string) int {
		if len(path) == 0 {
			next := skipValue(p, i)
			if next != bad {
				found, _ = plainString(p[i:next])
			}
			return next
		}
		if i >= len(p) || p[i] != '{' {
			return skipValue(p, i)
		}
		return readMembers(p, i, func(key []byte, _, v int) int {
			if string(key) == path[0] {
				return in(v, path[1:])
			}
			return skipValue(p, v)
		})
	}
	in(skipSpace(p, 0), path)
	return found
}
