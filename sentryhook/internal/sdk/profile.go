package sdk

import (
	"reflect"

	"github.com/getsentry/sentry-go"
)

// Profiles says that this SDK can profile. v0.30.0 is the last one that does. What only
// such an SDK has is found by reflection, so that one source compiles with every SDK;
// no later release can change what is looked for.
var Profiles = hasField(reflect.TypeOf(sentry.ClientOptions{}), profilesRate) && profileField != nil

var profileField = findProfileField(reflect.TypeOf(sentry.Event{}))

const profilesRate = "ProfilesSampleRate"

func hasField(t reflect.Type, name string) bool {
	_, ok := t.FieldByName(name)
	return ok
}

// findProfileField returns the index of the pointer to the profile in an Event, or nil
// if there is none.
func findProfileField(event reflect.Type) []int {
	meta, ok := event.FieldByName("sdkMetaData")
	if !ok || meta.Type.Kind() != reflect.Struct {
		return nil
	}
	profile, ok := meta.Type.FieldByName("transactionProfile")
	if !ok || profile.Type.Kind() != reflect.Pointer {
		return nil
	}
	return append(append([]int{}, meta.Index...), profile.Index...)
}

// TakesProfiles reports whether a client with these options takes profiles.
func TakesProfiles(o sentry.ClientOptions) bool {
	rate := reflect.ValueOf(o).FieldByName(profilesRate)
	return rate.IsValid() && rate.Kind() == reflect.Float64 && rate.Float() != 0
}

// HasProfile reports whether a profile would be sent with the event.
func HasProfile(e *sentry.Event) bool {
	return profileField != nil && !reflect.ValueOf(e).Elem().FieldByIndex(profileField).IsNil()
}

// WithoutProfile returns a new event with the exported fields of the given one. The
// profile is in a field that is not exported, so clearing it in place would take
// package unsafe.
func WithoutProfile(e *sentry.Event) *sentry.Event {
	fresh := new(sentry.Event)
	from, to := reflect.ValueOf(e).Elem(), reflect.ValueOf(fresh).Elem()
	for i := range from.NumField() {
		if from.Type().Field(i).IsExported() {
			to.Field(i).Set(from.Field(i))
		}
	}
	return fresh
}
