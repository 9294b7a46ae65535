package envelope

import (
	"compress/gzip"
	"context"

	"github.com/leakguard/leakguard/sentryhook/internal/compact"
)

// Budgets is what an envelope has to fit, in bytes.
type Budgets struct {
	Wire                           int64 // as it is sent
	Envelope, Profile, Attachments int64 // decompressed; Attachments is their sum
	Gzip                           bool  // the body may be compressed
}

// Fitting is an envelope that is made to fit its budgets. It works only while the
// body p is at hand, and nothing that outlives it holds p.
type Fitting struct {
	*envelope
	budgets Budgets
	p       []byte
	ban     *DropReason // why no profile may be sent; nil: profiles may be sent
	dropped map[*item]DropReason
	encoded *chunks      // the compressed body as of the last fits; nil: not compressed
	zw      *gzip.Writer // one for all attempts
	over    bool         // it does not fit, and what remains is never left out
}

// Read reads the envelope p. It reports false for anything that Relay would not take
// apart the same way. Unless ban is nil, no profile may be sent, for that reason.
//
// The caller ends its use with Release.
func Read(p []byte, b Budgets, ban *DropReason) (*Fitting, bool) {
	e, ok := readEnvelope(p)
	if !ok {
		return nil, false
	}
	return &Fitting{envelope: e, budgets: b, p: p, ban: ban}, true
}

// Fit finds the least loss with which the envelope fits, in this order:
//
//  1. Each profile is compacted without loss, and loses its samples beyond 30 s,
//     whatever its size.
//  2. A profile over the budget for profiles is reduced; see [compact.Step].
//  3. Attachments that would not fit even without any profile are left out; see
//     fitAttachments.
//  4. The largest profile is reduced until the envelope fits.
//
// Other items, such as the event and the transaction, are never left out. The error
// is ctx's.
func (f *Fitting) Fit(ctx context.Context) error {
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

// DropProfiles leaves out the profiles that Fit has left.
func (f *Fitting) DropProfiles(reason DropReason) {
	for it := f.largest((*item).profile); it != nil; it = f.largest((*item).profile) {
		f.drop(it, reason)
	}
	if f.over = !f.fits(); f.over {
		f.encode(f.size(f.p) - 1)
	}
}

// Release gives back what was borrowed.
func (f *Fitting) Release() {
	if f.zw != nil {
		returnGzip(f.zw)
		f.zw = nil
	}
}

// ProfileBytes is the size of the profiles that are left, in bytes.
func (f *Fitting) ProfileBytes() (n int64) {
	for i := range f.items {
		if it := &f.items[i]; it.profile() && !it.gone {
			n += it.size()
		}
	}
	return n
}

// fitProfile compacts a profile and reduces it to its own budget.
func (f *Fitting) fitProfile(it *item) {
	if f.ban != nil {
		f.drop(it, *f.ban)
		return
	}
	// Chunks of continuous profiling have no active thread: all threads count.
	if it.kind == "profile" {
		if c, ok := compact.Plan(it.payload.Of(f.p)); ok {
			it.compaction = c
			if c.Cut > 0 && c.Kept == 0 {
				f.drop(it, TooLate)
			}
		}
	}
	for !it.gone && it.size() > f.budgets.Profile {
		f.reduce(it)
	}
}

// reduce takes the next step with a profile. The last one is to leave it out.
func (f *Fitting) reduce(it *item) {
	if it.compaction == nil || !it.compaction.Reduce(it.payload.Of(f.p)) {
		f.drop(it, TooLarge)
	}
}

func (f *Fitting) drop(it *item, reason DropReason) {
	it.gone = true
	f.dropped[it] = reason
}

// largest returns the largest item of a kind that is left, or nil; of equals, the
// last.
func (f *Fitting) largest(kind func(*item) bool) (found *item) {
	for i := range f.items {
		it := &f.items[i]
		if kind(it) && !it.gone && (found == nil || it.size() >= found.size()) {
			found = it
		}
	}
	return found
}

// fits reports whether the envelope fits as it is now.
func (f *Fitting) fits() bool {
	f.encoded = nil
	size := f.size(f.p)
	if size > f.budgets.Envelope {
		return false
	}
	if size <= f.budgets.Wire {
		f.encode(size - 1) // if that makes it smaller
		return true
	}
	return f.encode(f.budgets.Wire)
}

// encode compresses the envelope, and reports false if the result would be larger
// than most bytes.
func (f *Fitting) encode(most int64) bool {
	if !f.budgets.Gzip || f.size(f.p) < leastGzip {
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
