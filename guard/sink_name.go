package guard

import (
	"errors"

	"github.com/leakguard/leakguard/internal/words"
)

// sinkWithName is a sink with the result of one call of its Name.
type sinkWithName struct {
	Sink
	name  string
	fault error // of the call
}

func (s sinkWithName) Name() string { return s.name }

// nameOnce calls each sink's Name once. Name is code of the program; a panic in it is a
// fault of the configuration.
func nameOnce(sinks []Sink) []Sink {
	named := make([]Sink, len(sinks))
	for i, s := range sinks {
		if s == nil {
			continue
		}
		n := sinkWithName{Sink: s}
		func() {
			defer func() {
				if p := recover(); p != nil {
					n.fault = errors.New("it panicked: " + words.Foreign(p))
				}
			}()
			n.name = s.Name()
		}()
		named[i] = n
	}
	return named
}
