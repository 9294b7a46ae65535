package receipt

import (
	"context"
	"sync"
)

// Receipt is what became of an envelope's attachments.
type Receipt struct {
	// Folder is where the attachments are on this machine. The transport names it in the
	// note that takes their place. It must not change once the request is sent.
	Folder string

	mu      sync.Mutex
	leftOut int
	refused bool
}

type key struct{}

// With returns a context that carries a receipt.
func With(ctx context.Context, r *Receipt) context.Context { return context.WithValue(ctx, key{}, r) }

// From returns the receipt of a context, or nil.
func From(ctx context.Context) *Receipt {
	r, _ := ctx.Value(key{}).(*Receipt)
	return r
}

// Fill records how many attachments were not in the body that the server answered last,
// and whether it had refused a body with them before.
func (r *Receipt) Fill(leftOut int, refused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leftOut, r.refused = leftOut, refused
}

// LeftOut returns what Fill has recorded: nothing if the transport is not ours.
func (r *Receipt) LeftOut() (n int, refused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.leftOut, r.refused
}
