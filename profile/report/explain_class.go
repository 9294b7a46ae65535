package report

import (
	"slices"
	"strings"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// class is a known kind of leak, with what to do about it.
type class struct {
	// function is on the suspect's call path, or is the library that it goes through. A
	// prefix matches a type or package if it ends with '.'.
	function string
	wait     string // of goroutines; "" for any
	unit     profile.Unit
	advice   string
}

// classes are those whose evidence is specific: the function has one purpose.
var classes = []class{
	{"net/http.(*persistConn).readLoop", frames.Select, profile.UnitCount, "close the body of each response, also when it is not needed"},
	{"net/http.(*persistConn).", "", profile.UnitCount, "use one http.Client, with one Transport, for all requests"},
	{"net/http.(*Transport).dialConn", "", profile.UnitBytes, "close the body of each response, and use one http.Client, with one Transport, for all requests"},
	{"google.golang.org/grpc.(*addrConn).", "", "", "close each grpc.ClientConn, or use one for all calls"},
	{"google.golang.org/grpc/internal/transport.newHTTP2Client", "", "", "close each grpc.ClientConn, or use one for all calls"},
	{"database/sql.(*DB).connectionOpener", "", profile.UnitCount, "open a sql.DB once, or close each"},
	{"database/sql.(*Tx).awaitDone", "", profile.UnitCount, "commit or roll back each transaction"},
	{"database/sql.(*Rows).awaitDone", "", profile.UnitCount, "close the rows of each query"},
	{"database/sql.(*DB).prepareDC", "", profile.UnitBytes, "close each prepared statement, or prepare it once"},
	{"github.com/prometheus/client_golang/prometheus.(*MetricVec).", "", profile.UnitBytes, "give labels only values from a small set"},
	{"github.com/prometheus/client_golang/prometheus.(*metricMap).", "", profile.UnitBytes, "give labels only values from a small set"},
	{"go.opentelemetry.io/otel/sdk/metric.", "", profile.UnitBytes, "give attributes only values from a small set"},
	{"context.WithCancel", "", profile.UnitBytes, "call the cancel function of each context"},
	{"context.WithTimeout", "", profile.UnitBytes, "call the cancel function of each context"},
	{"context.WithValue", "", profile.UnitBytes, "do not store a context that is derived from the one stored before"},
	{"time.NewTicker", "", profile.UnitBytes, "stop each ticker"},
	{"time.AfterFunc", "", profile.UnitBytes, "stop each timer whose function keeps memory"},
	{"sync.(*Pool).", "", profile.UnitBytes, "do not put large buffers back into the pool"},
	{"", frames.ChanSend, profile.UnitCount, "somebody has to receive: give the channel room for one value, or a way out when the receiver is gone"},
}

// advise adds what to do to suspects of a known kind.
func advise(r *Report) {
	for i := range r.Suspects {
		s := &r.Suspects[i]
		if s.Value.Growth() <= 0 {
			continue
		}
		if k := slices.IndexFunc(classes, func(c class) bool { return c.is(*s) }); k >= 0 {
			// After the two strongest reasons: the report cuts the list.
			s.Reasons = slices.Insert(s.Reasons, min(2, len(s.Reasons)), "what helps: "+classes[k].advice)
		}
	}
}

func (c class) is(s incident.Suspect) bool {
	if c.unit != "" && c.unit != s.Unit || c.wait != "" && c.wait != s.Wait {
		return false
	}
	match := func(f profile.Frame) bool {
		return f.Function == c.function || strings.HasSuffix(c.function, ".") && strings.HasPrefix(f.Function, c.function)
	}
	return c.function == "" || match(s.Frame) || match(s.Through) || slices.ContainsFunc(s.Path, match)
}
