package pyrosink

import (
	"github.com/leakguard/leakguard/guard/internal/fleet"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// chosen is a file to push.
type chosen struct {
	file     incident.Artefact
	baseline bool
}

// sampleType tells Pyroscope how to treat a column of a profile.
type sampleType struct {
	Units       string `json:"units"`
	Aggregation string `json:"aggregation,omitempty"`
	DisplayName string `json:"display-name,omitempty"`
	Sampled     bool   `json:"sampled,omitempty"`
}

// sampleTypes are the columns that Pyroscope keeps, by kind of profile. Kinds that
// are not listed count from the start of the process.
var sampleTypes = map[profile.Kind]map[string]sampleType{
	profile.Heap: {
		"inuse_objects": {Units: "objects", Aggregation: "average"},
		"inuse_space":   {Units: "bytes", Aggregation: "average"},
	},
	profile.Goroutine: {
		"goroutine": {Units: "goroutines", Aggregation: "average", DisplayName: "goroutines"},
	},
	profile.CPU: {
		"samples": {Units: "samples", DisplayName: "cpu", Sampled: true},
	},
}

// choose returns the newest profile of each kind, and its main baseline.
func choose(in *fleet.Incident, most int64) []chosen {
	newest := make(map[profile.Kind]int)
	var list []chosen
	for _, a := range in.Files {
		if a.Kind == nil || sampleTypes[*a.Kind] == nil || a.Size > most {
			continue
		}
		if _, variant, number, ok := incident.ParseFileName(a.Name); ok && variant == incident.VariantBase {
			if number == 1 { // the others are not what the incident is compared with
				list = append(list, chosen{a, true})
			}
			continue
		}
		if i, ok := newest[*a.Kind]; ok {
			list[i].file = a // files are in the order in which they were written
			continue
		}
		newest[*a.Kind] = len(list)
		list = append(list, chosen{a, false})
	}
	return list
}
