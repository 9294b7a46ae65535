package guard

import (
	"errors"

	"github.com/leakguard/leakguard/internal/words"
)

// sinkWithName is a sink whose name was asked for once.
type sinkWithName struct {
	Sink
	name  string
	fault error // of asking
}

func (s sinkWithName) Name() string { return s.name }

// nameOnce asks the sinks for their names. That is code of the program: a panic of
// it is a fault of the configuration.
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
