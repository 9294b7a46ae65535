// Package distributor takes samples from pairs of highly available agents.
package distributor

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/golang/snappy"
)

// yoloString is the text of b without a copy.
func yoloString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// series is one line of a request: labels, then a value.
type series struct{ labels, value string }

type elected struct {
	replica  string
	received time.Time
}

// Distributor is one tenant's entrance.
type Distributor struct {
	mu     sync.Mutex
	leader map[string]elected // by cluster
	total  int
}

// New returns a distributor.
func New() *Distributor { return &Distributor{leader: map[string]elected{}} }

// Handler takes snappy-compressed requests.
func (d *Distributor) Handler(w http.ResponseWriter, r *http.Request) {
	compressed, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	n, err := d.push(compressed)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintln(w, n)
}

func (d *Distributor) push(compressed []byte) (int, error) {
	body, err := snappy.Decode(nil, compressed)
	if err != nil {
		return 0, fmt.Errorf("distributor: %w", err)
	}
	all := parse(yoloString(body))
	if len(all) == 0 {
		return 0, nil
	}
	cluster, replica := findHALabels(all[0].labels)
	if !d.checkReplica(cluster, replica) {
		return 0, nil
	}
	d.total += len(all)
	return len(all), nil
}

func parse(text string) []series {
	all := make([]series, 0, 512)
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		labels, value, ok := strings.Cut(line, "} ")
		if ok {
			all = append(all, series{labels, value})
		}
	}
	return all
}

func findHALabels(labels string) (cluster, replica string) {
	for pair := range strings.SplitSeq(labels, ",") {
		name, value, _ := strings.Cut(strings.TrimLeft(pair, "{"), "=")
		switch name {
		case "cluster":
			cluster = value
		case "__replica__":
			replica = value
		}
	}
	return cluster, replica
}

// checkReplica says whether the replica's samples are the ones to take.
func (d *Distributor) checkReplica(cluster, replica string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.leader[cluster]
	if ok && e.replica != replica && time.Since(e.received) < 30*time.Second {
		return false
	}
	d.leader[cluster] = elected{replica, time.Now()}
	return true
}

// Forget drops all elections.
func (d *Distributor) Forget() {
	d.mu.Lock()
	d.leader = map[string]elected{}
	d.mu.Unlock()
}
