// Package bounded keeps lists and texts of our files within bounds, when they are written
// and while they are decoded: what a small file decodes to may be a hundred times as
// large.
//
// It computes only, from its arguments alone.
package bounded
