package envelope

import "github.com/leakguard/leakguard/sentryhook/internal/compact"

// Result is an envelope as it is sent: the body, its sizes in bytes, and what became
// of the items. It does not hold the body that came.
type Result struct {
	// Payload is the body to be sent; nil: the one that came.
	Payload *Payload
	// In is the size of the envelope that came, Out of the one that is sent, Wire of
	// that when it is compressed, and Profile of the profiles in it.
	In, Out, Wire, Profile int64
	// Over says that the envelope is over a budget nevertheless.
	Over bool
	// Profiles is what became of each profile.
	Profiles []Outcome
	// Attachments is how many are sent, AttachmentsDropped how many are left out.
	Attachments, AttachmentsDropped int
	// Alone says that nothing but attachments came.
	Alone bool
}

// Packed reports whether the body is compressed.
func (r *Result) Packed() bool { return r.Payload != nil && r.Payload.Gzip }

// Outcome is what became of a profile.
type Outcome struct {
	Gone      bool       // it was left out
	Reason    DropReason // why; only where it is gone
	Step      compact.Step
	Unchanged bool
	Cut       bool // it lost samples beyond 30 s
}

// Result returns what was decided. Its payload is read from src.
func (f *Fitting) Result(src Source) *Result {
	r := &Result{
		Payload: f.payload(src), In: int64(len(f.p)), Out: f.size(f.p), Profile: f.ProfileBytes(), Over: f.over, Alone: f.alone(),
	}
	r.Wire = r.Out
	if r.Payload != nil {
		r.Wire = r.Payload.Size
	}
	for i := range f.items {
		it := &f.items[i]
		switch {
		case it.profile():
			o := Outcome{Gone: it.gone, Reason: f.dropped[it], Unchanged: true}
			if c := it.compaction; c != nil {
				o.Step, o.Unchanged, o.Cut = c.Step, c.Unchanged, c.Cut > 0
			}
			r.Profiles = append(r.Profiles, o)
		case it.attachment() && it.gone:
			r.AttachmentsDropped++
		case it.attachment():
			r.Attachments++
		}
	}
	return r
}
