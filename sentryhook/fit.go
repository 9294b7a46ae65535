package sentryhook

import (
	"compress/gzip"
	"context"
)

// budgets is what an envelope has to fit, in bytes.
type budgets struct {
	wire                              int64
	envelope, profile, attachmentsSum int64 // decompressed
	gzip                              bool
}

// fitting is an envelope that is made to fit its budgets. It works while the
// body p is at hand, and nothing that outlives it holds p.
type fitting struct {
	*envelope
	budgets budgets
	p       []byte
	ban     *DropReason // why no profile may go; nil: it may
	dropped map[*item]DropReason
	encoded *chunks      // the compressed body as of the last fits; nil: not compressed
	zw      *gzip.Writer // one for all attempts
	over    bool         // it does not fit, and what remains is never left out
}

// fit finds the least loss with which the envelope fits, in this order:
//
//  1. Of a profile the samples beyond 30 s go, and it is compacted without
//     loss, both whatever the size.
//  2. A profile over the budget of profiles is reduced; see step.
//  3. Attachments go that would not fit even if no profile went with them; see
//     fitAttachments.
//  4. The largest profile is reduced until all of it fits.
//
// The event, the transaction and all else are never left out. The error is ctx's.
func (f *fitting) fit(ctx context.Context) error {
	f.dropped = make(map[*item]DropReason)
	for i := range f.items {
		if it := &f.items[i]; it.profile() {
			f.fitProfile(it)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := f.fitAttachments(ctx); err != nil {
		return err
	}
	for !f.fits() {
		if err := ctx.Err(); err != nil {
			return err
		}
		it := f.largest((*item).profile)
		if it == nil {
			f.over = true
			f.encode(f.size(f.p) - 1)
			break
		}
		f.reduce(it)
	}
	return nil
}

// dropProfiles leaves out what profiles are left, of an envelope that fits.
func (f *fitting) dropProfiles(reason DropReason) {
	for it := f.largest((*item).profile); it != nil; it = f.largest((*item).profile) {
		f.drop(it, reason)
	}
	if f.over = !f.fits(); f.over {
		f.encode(f.size(f.p) - 1)
	}
}

// release gives back what was borrowed.
func (f *fitting) release() {
	if f.zw != nil {
		returnGzip(f.zw)
		f.zw = nil
	}
}

// profileBytes is the size of the profiles that are left.
func (f *fitting) profileBytes() (n int64) {
	for i := range f.items {
		if it := &f.items[i]; it.profile() && !it.gone {
			n += it.size()
		}
	}
	return n
}

// fitProfile compacts a profile and reduces it to its own budget.
func (f *fitting) fitProfile(it *item) {
	if f.ban != nil {
		f.drop(it, *f.ban)
		return
	}
	// Chunks of continuous profiling have no active thread: all of them count.
	if it.kind == "profile" {
		if c, ok := compact(it.payload.of(f.p)); ok {
			it.compaction = c
			if c.cut > 0 && c.kept == 0 {
				f.drop(it, DroppedTooLate)
			}
		}
	}
	for !it.gone && it.size() > f.budgets.profile {
		f.reduce(it)
	}
}

// reduce takes the next step with a profile; the last is to leave it out.
func (f *fitting) reduce(it *item) {
	if it.compaction == nil || !it.compaction.reduce(it.payload.of(f.p)) {
		f.drop(it, DroppedTooLarge)
	}
}

func (f *fitting) drop(it *item, reason DropReason) {
	it.gone = true
	f.dropped[it] = reason
}

// largest returns the largest item of a kind that is left, of equals the last,
// or nil.
func (f *fitting) largest(kind func(*item) bool) (found *item) {
	for i := range f.items {
		it := &f.items[i]
		if kind(it) && !it.gone && (found == nil || it.size() >= found.size()) {
			found = it
		}
	}
	return found
}

// fits reports whether the envelope as it is now fits.
func (f *fitting) fits() bool {
	f.encoded = nil
	size := f.size(f.p)
	if size > f.budgets.envelope {
		return false
	}
	if size <= f.budgets.wire {
		f.encode(size - 1) // if it helps
		return true
	}
	return f.encode(f.budgets.wire)
}

// encode compresses the envelope unless that takes more than most bytes.
func (f *fitting) encode(most int64) bool {
	if !f.budgets.gzip || f.size(f.p) < leastGzip {
		return false
	}
	if f.zw == nil {
		f.zw = borrowGzip()
	}
	c := &chunks{keep: heldBytes(len(f.p)), most: most}
	if compress(f.zw, c, f.writeTo(f.p)) != nil {
		return false
	}
	f.encoded = c
	return true
}
