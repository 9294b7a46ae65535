package incident

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/leakguard/leakguard/internal/bounded"
	"github.com/leakguard/leakguard/profile"
)

// A manifest may come from somebody else. Two bytes of JSON can become an element of
// 300 bytes, so limits on bytes do not bound the memory: lists are bounded while they
// are decoded.

// list decodes a list of JSON into another field, up to a number of elements.
type list[T any] struct {
	into   *[]T
	most   int
	decode func(dec *json.Decoder, element *T) error // nil for Decode
	full   func(most int)                            // called if there are more
}

func (l list[T]) UnmarshalJSON(data []byte) error {
	*l.into = nil
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	*l.into = []T{}
	dec := json.NewDecoder(bytes.NewReader(data))
	err := bounded.List(dec, l.most, func() (err error) {
		var element T
		if l.decode != nil {
			err = l.decode(dec, &element)
		} else {
			err = dec.Decode(&element)
		}
		*l.into = append(*l.into, element)
		return err
	})
	if errors.Is(err, bounded.ErrMore) {
		l.full(l.most)
		return nil // the caller has checked the syntax of the rest
	}
	return err
}

type (
	plainManifest Manifest
	plainCapture  CaptureRecord
	plainSuspect  Suspect
	plainDeath    Death
)

// manifestJSON shadows the lists of a manifest: of two fields with one name the outer
// one wins.
type manifestJSON struct {
	*plainManifest
	Captures       list[CaptureRecord] `json:"captures"`
	Decisions      list[Decision]      `json:"decisions"`
	Readings       list[Reading]       `json:"readings"`
	History        list[HistoryPoint]  `json:"history"`
	Trends         list[Trend]         `json:"trends"`
	GoroutineSites list[GoroutineSite] `json:"goroutine_sites"`
	Limits         list[MemoryLimit]   `json:"limits"`
	Artefacts      list[Artefact]      `json:"artefacts"`
	Suspects       list[Suspect]       `json:"suspects"`
	Death          deathJSON           `json:"death"`
}

type deathJSON struct {
	into *(*Death)
	full func(most int)
}

func (d deathJSON) UnmarshalJSON(data []byte) error {
	*d.into = nil
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	var death Death
	in := struct {
		*plainDeath
		Incidents list[string] `json:"evidence"`
	}{(*plainDeath)(&death), list[string]{into: &death.Incidents, most: maxDeathIncidents, full: d.full}}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*d.into = &death
	return nil
}

// decodeManifest decodes a manifest within its limits. What exceeds them is left out,
// with a warning.
func decodeManifest(data []byte) (m Manifest, err error) {
	warned := map[string]bool{}
	over := func(what string) func(int) {
		return func(most int) {
			if !warned[what] {
				warned[what] = true
				m.Warnings = append(m.Warnings, fmt.Sprintf("ignored all but the first %d %s in the manifest: this library writes no more", most, what))
			}
		}
	}
	in := manifestJSON{
		plainManifest: (*plainManifest)(&m),
		Captures: list[CaptureRecord]{&m.Captures, maxCaptures, func(dec *json.Decoder, c *CaptureRecord) error {
			in := struct {
				*plainCapture
				Steps list[CaptureStep] `json:"steps"`
			}{(*plainCapture)(c), list[CaptureStep]{into: &c.Steps, most: maxSteps, full: over("steps of a capture")}}
			return dec.Decode(&in)
		}, over("captures")},
		Decisions:      list[Decision]{&m.Decisions, maxDecisions, nil, over("decisions")},
		Readings:       list[Reading]{&m.Readings, maxReadings, nil, over("readings")},
		History:        list[HistoryPoint]{&m.History, maxHistory, nil, over("points of history")},
		Trends:         list[Trend]{&m.Trends, maxTrends, nil, over("trends")},
		GoroutineSites: list[GoroutineSite]{&m.GoroutineSites, maxSites, nil, over("sites of goroutines")},
		Limits:         list[MemoryLimit]{&m.Limits, maxLimits, nil, over("limits")},
		Artefacts:      list[Artefact]{&m.Artefacts, maxArtefacts, nil, over("artefacts")},
		Suspects: list[Suspect]{(*[]Suspect)(&m.Suspects), maxSuspects, func(dec *json.Decoder, s *Suspect) error {
			in := struct {
				*plainSuspect
				Reasons list[string]        `json:"reasons"`
				Path    list[profile.Frame] `json:"path"`
			}{
				(*plainSuspect)(s), list[string]{into: &s.Reasons, most: maxReasons, full: over("reasons of a suspect")},
				list[profile.Frame]{into: &s.Path, most: maxPath, full: over("frames of a path")},
			}
			return dec.Decode(&in)
		}, over("suspects")},
		Death: deathJSON{&m.Death, over("incidents of a death")},
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return Manifest{}, err
	}
	cutTexts(reflect.ValueOf(&m))
	return m, nil
}

// cutTexts cuts every text of a value to the limit of a manifest's texts.
func cutTexts(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			cutTexts(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			cutTexts(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				cutTexts(v.Field(i))
			}
		}
	case reflect.String:
		if v.Len() > bounded.MaxText {
			v.SetString(bounded.Text(v.String()))
		}
	}
}
