package service

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// aboveLimit is how far above the limit the process is killed.
	aboveLimit = 4 << 20
	// longestReports is the longest time to wait for reports at the start after the end.
	longestReports = 20 * time.Second
	// ownReports is that time in the process that leaked, which may have no room for a
	// report. Then the next start writes it.
	ownReports = 6 * time.Second
	// longestDeath is the longest time to wait for the last process's death to be told. A
	// process that was closed did not die.
	longestDeath = 8 * time.Second
)

// runService is the main function of the service. In the way 'killed' it does not return.
func runService(c Case) error {
	begun := time.Now()
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stdout, nil)))
	told := newEvents()
	g, err := guard.Start(guard.Config{Dir: *dir, Limit: max(c.Limit, 0), Rules: c.Rules, Sinks: []guard.Sink{told}})
	if err != nil {
		return err
	}
	defer g.Close()
	by, err := startCaptures(c)
	if err != nil {
		return err
	}
	defer by.close()

	child, err := serve(c)
	if err != nil {
		return err
	}
	defer child.end()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if *way == "killed" && c.Limit > 0 {
		go func() {
			reach(c.Limit+aboveLimit, ctx.Done())
			slog.Info("killed", "MiB", memory()>>20)
			die()
		}()
	}
	time.Sleep(c.Calm)
	by.before(ctx)
	slog.Info("the load of the case begins", "MiB", memory()>>20)
	child.tell("begin")
	if c.Start != nil {
		go c.Start(ctx, c.Rate)
	}
	captured := untilOver(ctx, c, told, by, time.Until(begun.Add(c.For)))
	if *way == "killed" {
		die()
	}
	child.tell("stop")
	cancel()
	if c.Relieve != nil {
		c.Relieve()
	}
	debug.FreeOSMemory()
	slog.Info("the load of the case has stopped", "MiB", memory()>>20)
	if *manual != "" {
		awaitReports(*manual, ownReports)
	}
	if captured && *way == "recovered" {
		awaitReports(*dir, ownReports)
	}
	return nil
}

// serve starts the service and the process of its clients.
func serve(c Case) (*clients, error) {
	child, upstream, err := startClients()
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		child.end()
		return nil, err
	}
	go http.Serve(ln, newHandler(c, upstream))
	child.tell("http://" + ln.Addr().String())
	return child, nil
}

// untilOver waits until the way has its evidence, or until the time is over. It takes the
// second manual capture. captured says that the rules have evidence.
func untilOver(ctx context.Context, c Case, told *events, by *captures, left time.Duration) (captured bool) {
	end := time.After(left)
	half := by.half(c, left)
	for over := false; !over; {
		select {
		case <-half:
			half = nil
			by.after(ctx)
			over = *way == "manual"
		case <-told.captured:
			captured = true
			over = *way == "recovered" && !c.Healthy
		case <-end:
			over = true
			slog.Info("the time is over", "MiB", memory()>>20)
		}
	}
	if half != nil {
		by.after(ctx)
	}
	return captured
}

// explainLeft is the start after the last process's end. It explains what that left.
func explainLeft(c Case) error {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stdout, nil)))
	told := newEvents()
	g, err := guard.Start(guard.Config{Dir: *dir, Limit: max(c.Limit, 0), Sinks: []guard.Sink{told}})
	if err != nil {
		return err
	}
	defer g.Close()
	select {
	case <-told.death:
	case <-time.After(longestDeath):
	}
	awaitReports(*dir, longestReports)
	return nil
}

// awaitReports waits until there is a report in the guard's folder, and one for each
// incident that has profiles.
func awaitReports(dir string, most time.Duration) {
	for end := time.Now().Add(most); time.Now().Before(end) && !reported(dir); {
		time.Sleep(100 * time.Millisecond)
	}
}

func reported(dir string) bool {
	store, err := incident.OpenStore(dir)
	if err != nil {
		return false
	}
	list, err := store.Incidents()
	if err != nil {
		return false
	}
	any := false
	for _, m := range list {
		any = any || m.Headline != ""
		profiled := slices.ContainsFunc(m.Artefacts, func(a incident.Artefact) bool { return a.Kind != nil })
		if profiled && m.Headline == "" {
			return false
		}
	}
	return any
}

// events is a sink that logs all events.
type events struct {
	captured chan struct{} // evidence of a rule's incident is safe
	death    chan struct{} // the last process's death is told
}

func newEvents() *events {
	return &events{captured: make(chan struct{}, 1), death: make(chan struct{}, 1)}
}

func (*events) Name() string { return "leakcases" }

func (s *events) Deliver(_ context.Context, e guard.Event) error {
	slog.Info("EVENT", "kind", fmt.Sprint(e.Kind), "rule", e.Incident.Rule, "reason", e.Incident.Reason, "headline", e.Incident.Headline, "not captured", e.Incident.NotCaptured)
	switch {
	case e.Kind == guard.Captured && e.Incident.Folder != "":
		note(s.captured)
	case e.Kind == guard.PreviousDeath:
		note(s.death)
	}
	return nil
}

func note(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
