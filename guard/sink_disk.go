package guard

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/guard/internal/outbox"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// deliveryDisk stores the outbox's events in the folders of their incidents.
type deliveryDisk struct {
	store *store.Store
	own   incident.Process
	// reports are the reports that may still come.
	reports *reportWaits
}

// Read returns an incident's events, and a function that restores them from its manifest.
func (d deliveryDisk) Read(id string) (store.Delivery, outbox.Restore, error) {
	m, err := d.store.Incident(id)
	if err != nil {
		return store.Delivery{}, nil, err
	}
	delivery, err := d.store.Delivery(id)
	if err != nil {
		return store.Delivery{}, nil, err
	}
	folder := filepath.Join(d.store.Dir(), id)
	delivery = completeDelivery(m, delivery)
	i := incidentOf(m, folder)
	earlier := !sameProcess(m.Process, d.own)
	return delivery, func(e store.DeliveryEvent) any {
		kind, ok := parseKind(e.Event)
		if !ok {
			return nil // written by a newer version
		}
		told := Event{Kind: kind, Incident: i, Time: e.Time, Reason: e.Reason, Redelivered: earlier, Report: reportOf(d.reports.of(id))}
		told.Incident.NotCaptured, told.Incident.EvidenceIn = e.NotCaptured, e.Evidence
		return told
	}, nil
}

// sameProcess reports whether a and b are the same process.
func sameProcess(a, b incident.Process) bool {
	return a.PID == b.PID && a.Host == b.Host && a.Started.Equal(b.Started) && !a.Started.IsZero()
}

// Write adds events and acceptances to those on disk.
func (d deliveryDisk) Write(id string, with store.Delivery) error {
	return d.store.RecordDelivery(id, func(kept *store.Delivery) {
		for sink, list := range kept.Sinks {
			// Acceptances by kind are in with, converted to sequences.
			kept.Sinks[sink] = slices.DeleteFunc(list, func(a store.Accepted) bool { return a.Sequence == 0 })
		}
		for _, e := range with.Events {
			kept.Add(e)
		}
		for sink, list := range with.Sinks {
			for _, a := range list {
				kept.Accept(sink, a)
			}
		}
	})
}

// completeDelivery adds the events that follow from an incident's manifest and were not
// recorded, because the process died first or had an older version. Old versions recorded
// acceptances by kind; these are converted to acceptances by sequence.
func completeDelivery(m incident.Manifest, d store.Delivery) store.Delivery {
	d.Events = slices.Clone(d.Events)
	has := func(kind EventKind) bool {
		return slices.ContainsFunc(d.Events, func(e store.DeliveryEvent) bool {
			return e.Event == kind.String() && (kind != Captured || e.NotCaptured == "")
		})
	}
	add := func(kind EventKind, at time.Time, reason string) {
		if !has(kind) {
			d.Add(store.DeliveryEvent{Sequence: d.Last() + 1, Event: kind.String(), Time: at, Reason: reason, Derived: true})
		}
	}
	if m.Rule == incident.RulePreviousDeath {
		if m.Death != nil { // otherwise it was cut short, and is reported again
			add(PreviousDeath, m.Opened, m.Reason)
		}
	} else {
		add(Opened, m.Opened, m.Reason)
		if hasEvidence(m.Artefacts) {
			at := m.Opened
			if len(m.Captures) > 0 {
				at = m.Captures[0].Time
			}
			add(Captured, at, m.Reason)
		}
		if m.Headline != "" {
			add(Explained, m.Opened, m.Headline)
		}
		// The end of a manual capture is not an event.
		if m.Recovered != nil && m.Trigger == incident.TriggerRule {
			add(Recovered, *m.Recovered, m.Reason)
		}
	}
	sinks := make(map[string][]store.Accepted, len(d.Sinks))
	for sink, list := range d.Sinks {
		for _, a := range list {
			if a.Sequence > 0 {
				sinks[sink] = append(sinks[sink], a)
				continue
			}
			for _, e := range d.Events {
				if e.Event == a.Event {
					sinks[sink] = append(sinks[sink], store.Accepted{Sequence: e.Sequence, Event: a.Event, Time: a.Time})
				}
			}
		}
	}
	d.Sinks = sinks
	return d
}

// hasEvidence reports whether there are files other than baselines and reports.
func hasEvidence(files []incident.Artefact) bool {
	return slices.ContainsFunc(files, func(a incident.Artefact) bool {
		stem, _, _ := strings.Cut(a.Name, ".")
		_, variant, _, _ := incident.ParseFileName(a.Name)
		return stem != "report" && variant != incident.VariantBase
	})
}

// incidentOf restores an incident from its manifest.
func incidentOf(m incident.Manifest, folder string) Incident {
	i := Incident{
		ID: m.ID, Rule: m.Rule, Trigger: m.Trigger, Reason: m.Reason, Opened: m.Opened,
		Value: profile.Unknown, Peak: m.Peak, Reading: incident.NewReading(m.Opened),
		Folder: folder, Artefacts: m.Artefacts, Headline: m.Headline, Suspects: m.Suspects, Verdict: m.Verdict,
	}
	if m.Recovered != nil {
		i.Recovered = *m.Recovered
		// By the wall clock, which may have been set back meanwhile.
		i.Duration = max(m.Recovered.Sub(m.Opened), 0)
	}
	if n := len(m.Readings); n > 0 {
		i.Reading = m.Readings[n-1]
	}
	if m.Death != nil {
		i.Death, i.Headline = m.Death, m.Death.Culprit
		i.Value = int64(m.Death.Memory)
	}
	return i
}
