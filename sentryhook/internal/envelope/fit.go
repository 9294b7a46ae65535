package envelope

import (
	"context"
	"math"

	"github.com/leakguard/leakguard/sentryhook/internal/compact"
)

// Budgets is what an envelope has to fit, in bytes.
type Budgets struct {
	Wire                           Wire
	Envelope, Profile, Attachments int64 // decompressed; Attachments is their sum
	Gzip                           bool  // the body may be compressed
	Pack                           bool  // it is compressed even if it fits as it is
}

// Wire is how many bytes a body may have as it is sent, by what is in it. The profile or
// attachments beyond that are left out. A body of [math.MaxInt64] fits anything.
type Wire struct {
	Plain      int64 // without being compressed, if that makes it smaller
	Usual      int64 // without what can be left out; a larger body is sent, and is Over
	Profile    int64 // with a profile
	Attachment int64 // with attachments beside an event or another item
	Alone      int64 // with nothing but attachments
}

// Fitting is an envelope that is made to fit its budgets. It works only while the
// body p is at hand, and nothing that outlives it holds p.
type Fitting struct {
	// Folder is where the attachments are on this machine, for the note about those that
	// are left out. Empty: what the envelope's own event says.
	Folder string

	*envelope
	budgets      Budgets
	p            []byte
	ban          *DropReason // why no profile may be sent; nil: profiles may be sent
	dropped      map[*item]DropReason
	sampled      bool    // items know whether they are noise
	encoded      *chunks // the compressed body as of the last fits; nil: not compressed
	encodedLevel int
	over         bool // it does not fit, and what remains is never left out
}

// Read reads the envelope p. It reports false for anything that Relay would not take
// apart the same way. Unless ban is nil, no profile may be sent, for that reason.
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
	for !f.fits(ctx) {
		it := f.largest((*item).profile)
		if it == nil || ctx.Err() != nil {
			break
		}
		f.reduce(it)
	}
	f.weigh()
	return ctx.Err()
}

// DropProfiles leaves out the profiles that Fit has left. The error is ctx's.
func (f *Fitting) DropProfiles(ctx context.Context, reason DropReason) error {
	for it := f.largest((*item).profile); it != nil; it = f.largest((*item).profile) {
		f.drop(it, reason)
	}
	f.fits(ctx)
	f.weigh()
	return ctx.Err()
}

// weigh finds out whether the envelope is over its budget nevertheless. Attachments alone
// are not: they were meant to be.
func (f *Fitting) weigh() {
	wire := f.size(f.p)
	f.over = wire > f.budgets.Envelope
	if f.encoded != nil {
		wire = f.encoded.n
	}
	f.over = f.over || wire > f.budgets.Wire.Usual && !f.alone()
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

// most is how many bytes the envelope may have on the wire as it is now. What is never
// left out is sent whatever its size.
func (f *Fitting) most() int64 {
	most := int64(math.MaxInt64)
	if f.largest((*item).profile) != nil {
		most = f.budgets.Wire.Profile
	}
	if f.largest((*item).attachment) != nil {
		if f.alone() {
			return min(most, f.budgets.Wire.Alone)
		}
		return min(most, f.budgets.Wire.Attachment)
	}
	return most
}

// fits reports whether the envelope fits as it is now, and compresses it if it came too
// large. A body that came small enough is sent as the SDK made it: not every server, and
// not every tunnel, takes compressed ones.
func (f *Fitting) fits(ctx context.Context) bool {
	f.encoded = nil
	size, most := f.size(f.p), f.most()
	switch {
	case size > f.budgets.Envelope:
		return false
	case size > most:
		return f.shrinks(most) && f.encode(ctx, most)
	case f.budgets.Pack || int64(len(f.p)) > f.budgets.Wire.Plain:
		if f.shrinks(size - size/8) { // otherwise it is not worth the time
			f.encode(ctx, size-1)
		}
	}
	return true
}

// encode compresses the envelope, and reports false if the result would be larger
// than most bytes.
func (f *Fitting) encode(ctx context.Context, most int64) bool {
	c := &chunks{keep: heldBytes(len(f.p)), most: most}
	level := f.level()
	if compress(ctx, level, c, f.writeTo(f.p)) != nil {
		return false
	}
	f.encoded, f.encodedLevel = c, level
	return true
}
