package libraries

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// leftOpen is what the report about each case must say: the package, and the calls in the
// test that started the goroutines. A case with several calls leaves several things open.
var leftOpen = map[string]struct {
	pkg   string
	calls []string
	// also are calls that lead to the same code and that the report may add.
	also []string
}{
	"TestRedis":      {"github.com/redis/go-redis/v9", []string{"redis.(*PubSub).Channel"}, nil},
	"TestMiniredis":  {"github.com/alicebob/miniredis/v2", []string{"miniredis.Run"}, nil},
	"TestNATSServer": {"github.com/nats-io/nats-server/v2/server", []string{"server.(*Server).Start"}, []string{"server.NewServer"}},
	"TestNATS":       {"github.com/nats-io/nats.go", []string{"nats.Connect", "nats.(*Conn).Subscribe"}, nil},
	"TestPgx":        {"github.com/jackc/pgx/v5/pgxpool", []string{"pgxpool.New"}, nil},
	"TestKafka":      {"github.com/segmentio/kafka-go", []string{"kafka.(*Reader).ReadMessage"}, []string{"kafka.NewReader"}},
	"TestQUIC":       {"github.com/quic-go/quic-go", []string{"quic.DialAddr"}, []string{"quic.ListenAddr"}},
	"TestGRPC":       {"google.golang.org/grpc", []string{"grpc.(*Server).Serve", "grpc.NewClient"}, nil},
	"TestFSNotify":   {"github.com/fsnotify/fsnotify", []string{"fsnotify.NewWatcher"}, nil},
	"TestCron":       {"github.com/robfig/cron/v3", []string{"cron.(*Cron).Start"}, nil},
	"TestJobs":       {"github.com/robfig/cron/v3", []string{"cron.(*Cron).Start (jobs/jobs.go:12)"}, []string{"cron.(*Cron).Start"}},
	"TestRistretto":  {"github.com/dgraph-io/ristretto/v2", []string{"ristretto.NewCache"}, nil},
	"TestTTLCache":   {"github.com/jellydator/ttlcache/v3", []string{"ttlcache.(*Cache[...]).Start"}, nil},
	"TestOTel":       {"go.opentelemetry.io/otel/sdk/trace", []string{"trace.WithBatcher"}, nil},
	"TestMemberlist": {"github.com/hashicorp/memberlist", []string{"memberlist.Create"}, nil},
	"TestFastHTTP":   {"github.com/valyala/fasthttp", []string{"fasthttp.(*Server).Serve"}, nil},
	"TestAnts":       {"github.com/panjf2000/ants/v2", []string{"ants.NewPool"}, nil},
	// Gorilla's package starts no goroutines: those that are left wait in the test's own
	// code, whose line shows the call.
	"TestWebSocket": {"conn.ReadMessage()", []string{"close the connection", "httptest.Server"}, nil},
}

// named finds the calls that a report names as those that started goroutines.
var named = regexp.MustCompile(`, started by (.*): close, stop or shut down `)

// blames are words that tell a user to edit code.
var blames = []string{"add one that ends it", "lets the sender finish", "a close is missing", "instead", "Done is missing"}

func TestLeftOpen(t *testing.T) {
	if leaveOpen {
		t.Skip("is what the test of the reports runs")
	}
	reports := runCases(t, true, 1)
	for name, want := range leftOpen {
		report := reports[name]
		for _, text := range append([]string{want.pkg, "close"}, want.calls...) {
			if !strings.Contains(report, text) {
				t.Errorf("%s: want %q in\n%s", name, text, report)
			}
		}
		for _, match := range named.FindAllStringSubmatch(report, -1) {
			for call := range strings.SplitSeq(match[1], " or ") {
				call, _, _ = strings.Cut(call, " (")
				if !slices.Contains(want.calls, call) && !slices.Contains(want.also, call) {
					t.Errorf("%s: %s did not start them:\n%s", name, call, report)
				}
			}
		}
		for _, text := range blames {
			if strings.Contains(report, text) {
				t.Errorf("%s: %q tells to edit a dependency:\n%s", name, text, report)
			}
		}
	}
}

// TestClosedRightly runs the cases again and again, shuffled and in parallel.
func TestClosedRightly(t *testing.T) {
	if leaveOpen {
		t.Skip("is what the test of the reports runs")
	}
	for name, report := range runCases(t, false, 20) {
		t.Errorf("%s: %s", name, report)
	}
}

// runCases runs this test binary with the cases alone and returns what the failed ones
// printed.
func runCases(t *testing.T, leave bool, count int) map[string]string {
	var names []string
	for name := range leftOpen {
		names = append(names, name)
	}
	cmd := exec.Command("go", "tool", "test2json", os.Args[0], "-test.v=test2json", "-test.parallel="+strconv.Itoa(len(names)),
		"-test.shuffle=on", "-test.timeout=3m", "-test.count="+strconv.Itoa(count), "-test.run=^("+strings.Join(names, "|")+")$")
	if leave {
		cmd.Env = append(os.Environ(), "LIBRARIES_LEAVE_OPEN=1")
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	events, err := cmd.Output()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	failed, output, ran := make(map[string]string), make(map[string]string), 0
	for dec := json.NewDecoder(bytes.NewReader(events)); dec.More(); {
		var e struct{ Action, Test, Output string }
		if err := dec.Decode(&e); err != nil {
			t.Fatalf("read what the cases print: %v\n%s", err, &stderr)
		}
		output[e.Test] += e.Output
		switch e.Action {
		case "run":
			ran++
		case "fail":
			failed[e.Test] = output[e.Test]
		}
	}
	if ran != count*len(names) {
		t.Errorf("%d runs of cases, want %d:\n%s%s", ran, count*len(names), output[""], &stderr)
	}
	if leave {
		delete(failed, "")
	}
	return failed
}
