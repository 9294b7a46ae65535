package profile

import (
	"fmt"
	"os"
)

// IsIncidentID reports whether a name is an incident's ID, which is that of its
// folder.
func IsIncidentID(name string) bool {
	_, _, ok := parseID(name)
	return ok
}

// ListIncidents returns the incidents in a folder, oldest first, as
// [Store.Incidents] does, but for whoever only reads: it writes nothing, and the
// folder may be a copy, or another user's. What names it finds there is checked
// as everywhere; symbolic links are not followed.
func ListIncidents(dir string) ([]Manifest, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("profile: list incidents: %w", err)
	}
	defer root.Close()
	return listIncidents(root)
}

func listIncidents(root *os.Root) ([]Manifest, error) {
	list, err := names(root)
	if err != nil {
		return nil, fmt.Errorf("profile: list incidents in %s: %w", root.Name(), err)
	}
	var all []Manifest
	for _, id := range list {
		if !IsIncidentID(id) {
			continue
		}
		if m, ok := readIncident(root, id); ok {
			all = append(all, m)
		}
	}
	return all, nil
}
