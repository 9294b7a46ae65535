package diff

import (
	"slices"

	"github.com/leakguard/leakguard/profile"
)

// route is the frames around a site: who called it, and what it called.
type route struct {
	value int64
	calls []call // leaf first
}

const (
	maxRoute   = 5 // frames
	routeBelow = 2 // frames towards the leaf, if there are as many above
)

// add keeps the stack of the largest sample.
func (p *route) add(stack []call, at int, value int64, after bool) {
	if !after || value <= p.value {
		return
	}
	from := max(0, min(at-routeBelow, len(stack)-maxRoute))
	p.value = value
	p.calls = append(p.calls[:0], stack[from:min(len(stack), from+maxRoute)]...)
}

// framesOf returns the route from the caller to the leaf, without the runtime's frames.
func (d *diff) framesOf(p route) (of []profile.Frame) {
	for _, c := range slices.Backward(p.calls) {
		if !d.x.functions[c.fn].runtime {
			of = append(of, d.x.frame(c.fn, c.line))
		}
	}
	return of
}
