package guardtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeDB is a database whose goroutines alone are real.
type fakeDB struct{ driver.Conn }

func (fakeDB) Open(string) (driver.Conn, error)               { return fakeDB{}, nil }
func (d fakeDB) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d fakeDB) Driver() driver.Driver                        { return d }
func (fakeDB) Close() error                                   { return nil }
func (fakeDB) Begin() (driver.Tx, error)                      { return fakeTx{}, nil }
func (fakeDB) Prepare(string) (driver.Stmt, error)            { return nil, errors.New("no statements") }

type fakeTx struct{}

func (fakeTx) Commit() error   { return nil }
func (fakeTx) Rollback() error { return nil }

// causes are goroutines that are left, with the cause that the report must name,
// and what ends them.
var causes = map[string]struct {
	says []string
	// start starts one and returns a function that ends it.
	start func(t *testing.T) (end func())
}{
	"send": {[]string{"sends on a channel that nobody receives from any more"}, func(*testing.T) func() {
		ch := make(chan int)
		go func() { ch <- 1 }()
		return func() { <-ch }
	}},
	"receive": {[]string{"receives from a channel that nobody sends on or closes"}, func(*testing.T) func() {
		ch := make(chan int)
		go func() { <-ch }()
		return func() { close(ch) }
	}},
	"range": {[]string{"ranges over a channel that nobody closes"}, func(*testing.T) func() {
		ch := make(chan int)
		go func() {
			for range ch {
			}
		}()
		return func() { close(ch) }
	}},
	"ticker": {[]string{"range over a Ticker's channel never ends"}, func(*testing.T) func() {
		ticker := time.NewTicker(time.Hour)
		stop := make(chan int)
		go func() {
			for range ticker.C {
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		return func() { close(stop); ticker.Reset(1) }
	}},
	"context": {[]string{"the context is never cancelled"}, func(*testing.T) func() {
		ctx, cancel := context.WithCancel(context.Background())
		go func() { <-ctx.Done() }()
		return cancel
	}},
	"select with context": {[]string{"the context is not cancelled"}, func(*testing.T) func() {
		ctx, cancel := context.WithCancel(context.Background())
		ch := make(chan int)
		go func() {
			select {
			case <-ch:
			case <-ctx.Done():
			}
		}()
		return cancel
	}},
	"select": {[]string{"none of the cases of its select can happen"}, func(*testing.T) func() {
		a, b := make(chan int), make(chan int)
		go func() {
			select {
			case <-a:
			case <-b:
			}
		}()
		return func() { close(a) }
	}},
	"mutex": {[]string{"the mutex is held by a goroutine"}, func(*testing.T) func() {
		var mu sync.Mutex
		mu.Lock()
		go func() { mu.Lock(); defer mu.Unlock() }()
		return mu.Unlock
	}},
	"wait group": {[]string{"a Done is missing"}, func(*testing.T) func() {
		var wg sync.WaitGroup
		wg.Add(1)
		go wg.Wait()
		return wg.Done
	}},
	"cond": {[]string{"nobody calls Signal or Broadcast"}, func(*testing.T) func() {
		var mu sync.Mutex
		cond := sync.NewCond(&mu)
		go func() { mu.Lock(); cond.Wait(); mu.Unlock() }()
		return func() {
			for range 100 { // it may not be waiting yet
				cond.Broadcast()
				time.Sleep(time.Millisecond)
			}
		}
	}},
	"body": {[]string{"a response body was neither closed nor read", "write loop"}, func(t *testing.T) func() {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<20)) }))
		server.Config.ErrorLog = nil
		server.Start()
		resp, err := (&http.Client{Transport: &http.Transport{}}).Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		return func() { resp.Body.Close(); server.Close() }
	}},
	"accept": {[]string{"an accept loop whose listener was not closed"}, func(t *testing.T) func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go l.Accept()
		return func() { l.Close() }
	}},
	"server": {[]string{"an http.Server that was neither shut down nor closed"}, func(t *testing.T) func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{}
		go server.Serve(l)
		return func() { server.Close() }
	}},
	"test server": {[]string{"an httptest.Server that was not closed"}, func(*testing.T) func() {
		return httptest.NewServer(nil).Close
	}},
	"pipe": {[]string{"an io.Pipe whose reader has stopped reading"}, func(*testing.T) func() {
		r, w := io.Pipe()
		go w.Write([]byte("x"))
		return func() { r.Close() }
	}},
	"connection": {[]string{"waits for I/O that does not come"}, func(t *testing.T) func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		go conn.Read(make([]byte, 1))
		return func() { conn.Close(); l.Close() }
	}},
	"database": {[]string{"a sql.DB that was not closed"}, func(*testing.T) func() {
		db := sql.OpenDB(fakeDB{})
		return func() { db.Close() }
	}},
	"transaction": {[]string{"a sql.Tx that was neither committed nor rolled back", "a sql.DB that was not closed"}, func(t *testing.T) func() {
		db := sql.OpenDB(fakeDB{})
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		return func() { tx.Rollback(); db.Close() }
	}},
	"sleep": {[]string{"sleeps, and nothing can tell it to stop"}, func(*testing.T) func() {
		stop := make(chan int)
		go func() {
			for {
				time.Sleep(50 * time.Millisecond)
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		return func() { close(stop) }
	}},
	"iterator": {[]string{"an iterator of iter.Pull whose stop function was not called"}, func(*testing.T) func() {
		next, stop := iter.Pull(slices.Values([]int{1, 2}))
		next()
		return stop
	}},
}

func TestLikelyCauses(t *testing.T) {
	number := 1_000_000 // belongs to no call of VerifyNone
	for name, c := range causes {
		number++
		t.Run(name, func(t *testing.T) {
			VerifyNone(t, Patience(30*time.Second))
			label := labelOf("TestLikelyCauses", number)
			var end func()
			started := make(chan int)
			go func() { // keeps the test's own label
				defer close(started)
				setLabel(testName(label), testNumber(label))
				end = c.start(t)
			}()
			<-started
			if end == nil {
				t.FailNow()
			}
			for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
				all, err := readGoroutines()
				if err != nil {
					t.Fatal(err)
				}
				said := make(map[string]int)
				for _, g := range all.groups {
					if g.test == label {
						said[g.likelyCause()] += g.count
					}
				}
				missing := slices.DeleteFunc(slices.Clone(c.says), func(want string) bool {
					for cause := range said {
						if strings.Contains(cause, want) {
							return true
						}
					}
					return false
				})
				if len(missing) == 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Errorf("want %q, got %q", missing, said)
					break
				}
			}
			end()
		})
	}
}

func TestCauseInSource(t *testing.T) {
	for _, tt := range []struct {
		wait, source, says string
	}{
		{"chan receive", "\tfor range time.Tick(time.Second) {", "range over time.Tick never ends"},
		{"chan receive", "\t<-time.After(time.Hour)", "waits for a long timer"},
		{"chan receive", "\tv := <-ch", ""},
		{"select", "\tselect {\n\tcase <-ch:\n\t}\n\tselect {\n\tcase <-ctx.Done():\n\t}", ""},
		{"select", "\tselect {\n\tcase <-ch:\n\t\tfor {\n\t\t}\n\tcase <-c.ctx.Done():\n\t}", "none of its cases happens"},
		{"select", "", ""},
		{"sleep", "\t<-ctx.Done()", ""},
	} {
		if got := causeInSource(tt.wait, strings.Split(tt.source, "\n")); !strings.HasPrefix(got, tt.says) || tt.says == "" && got != "" {
			t.Errorf("%s in %q: %q, want %q", tt.wait, tt.source, got, tt.says)
		}
	}
}
