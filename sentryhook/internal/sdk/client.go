package sdk

import (
	"reflect"
	"unsafe"

	"github.com/getsentry/sentry-go"
)

// Where a client has what its integrations have set up. Making a second client would set
// them up once more, which users' integrations need not expect.
var (
	processors   = findField[[]sentry.EventProcessor]("eventProcessors")
	integrations = findField[[]sentry.Integration]("integrations")
)

// field is a field of a client that is not exported.
type field[T any] struct {
	offset uintptr
	found  bool
}

func findField[T any](name string) field[T] {
	f, ok := reflect.TypeFor[sentry.Client]().FieldByName(name)
	return field[T]{f.Offset, ok && len(f.Index) == 1 && f.Type == reflect.TypeFor[T]()}
}

// of returns the field's value, the zero value if there is no such field. Reflection
// gives a value that may be looked at, and not be called.
func (f field[T]) of(c *sentry.Client) (v T) {
	if f.found {
		v = *(*T)(unsafe.Add(unsafe.Pointer(c), f.offset))
	}
	return v
}

// Prepares says that [Prepare] does all that a client would do.
var Prepares = processors.found

// Prepare runs the event processors of a client: those of its integrations, and those
// added with AddEventProcessor. It returns nil if one of them drops the event. As with
// the client itself, none may be added at the same time.
func Prepare(c *sentry.Client, event *sentry.Event, hint *sentry.EventHint) *sentry.Event {
	event.Sdk.Integrations = nil
	for _, i := range integrations.of(c) {
		event.Sdk.Integrations = append(event.Sdk.Integrations, i.Name())
	}
	for _, process := range processors.of(c) {
		if event = process(event, hint); event == nil {
			return nil
		}
	}
	return event
}

// Close ends the goroutines of a client. The clients of older releases have none of their
// own, and no such method.
func Close(c *sentry.Client) {
	if c, ok := any(c).(interface{ Close() }); ok {
		c.Close()
	}
}
