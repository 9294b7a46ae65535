package bounded

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Object calls field for each field of the next value, an object or null; field
// decodes the field's value.
func Object(dec *json.Decoder, field func(key string) error) error {
	open, err := dec.Token()
	if err != nil || open == nil {
		return err
	}
	if open != json.Delim('{') {
		return fmt.Errorf("%.100v: want an object", open)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name, ok := key.(string)
		if !ok {
			return fmt.Errorf("%.100v: want a field's name", key)
		}
		if err := field(name); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// ErrMore is the error of a list that has more elements than it may have.
var ErrMore = errors.New("a list of more than")

// List calls element for each element of the next value, a list or null. If there are
// more than most, it stops after most of them with an error that wraps [ErrMore].
func List(dec *json.Decoder, most int, element func() error) error {
	open, err := dec.Token()
	if err != nil || open == nil {
		return err
	}
	if open != json.Delim('[') {
		return fmt.Errorf("%.100v: want a list", open)
	}
	for n := 0; dec.More(); n++ {
		if n == most {
			return fmt.Errorf("%w %d", ErrMore, most)
		}
		if err := element(); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}
