package jsonscan

// Span is the bytes of a payload from Start up to End.
type Span struct{ Start, End int }

// Of returns the span's bytes of p.
func (s Span) Of(p []byte) []byte { return p[s.Start:s.End] }

// Len returns how many bytes the span has.
func (s Span) Len() int { return s.End - s.Start }
