package guardtest

import (
	"strings"

	"github.com/leakguard/leakguard/internal/frames"
)

// wellKnown are functions whose presence on a stack tells more than what the
// goroutine waits for. The first that is there decides; wait narrows it.
var wellKnown = []struct {
	function string // a prefix where it ends in a dot or in .func
	wait     string // "" for any
	cause    string
}{
	{"net/http.(*persistConn).readLoop", frames.Select, "a response body was neither closed nor read to its end: defer resp.Body.Close()"},
	{"net/http.(*persistConn).readLoop", "", "an idle keep-alive connection of an http.Client with a Transport of its own: call its CloseIdleConnections, or close the server"},
	{"net/http.(*persistConn).writeLoop", "", "the writing half of an HTTP client's connection; it ends with the reading half: is a response body open, or the client's CloseIdleConnections not called?"},
	{"net/http.(*http2ClientConn).readLoop", "", "an HTTP/2 connection of a client: call its CloseIdleConnections, and close response bodies"},
	{"net/http/httptest.(*Server).goServe.func1", "", "an httptest.Server that was not closed"},
	{"net/http.(*Server).Serve", "", "an http.Server that was neither shut down nor closed"},
	{"net/http.(*conn).serve", frames.IOWait, "a server's connection whose client keeps it open: close the client's idle connections or the server"},
	{"net/http.(*connReader).backgroundRead", "", "a server's connection whose handler has not returned"},
	{"database/sql.(*DB).connectionOpener", "", "a sql.DB that was not closed"},
	{"database/sql.(*DB).connectionCleaner", "", "a sql.DB that was not closed"},
	{"database/sql.(*Rows).awaitDone", "", "sql.Rows that were not closed: defer rows.Close()"},
	{"database/sql.(*Tx).awaitDone", "", "a sql.Tx that was neither committed nor rolled back"},
	{"google.golang.org/grpc.(*Server).Serve", "", "a grpc.Server that was not stopped"},
	{"google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run", "", "a grpc.ClientConn that was not closed"},
	{"google.golang.org/grpc/internal/transport.", "", "a connection of gRPC: a grpc.ClientConn was not closed, or a grpc.Server not stopped"},
	{"context.(*cancelCtx).propagateCancel.func", "", "a context that was never cancelled: call the function that WithCancel, WithTimeout or WithDeadline returned"},
	{"os/exec.(*Cmd).", "", "a command that was not waited for, or whose child holds its output open: call Wait, and set WaitDelay"},
	{"os.(*Process).", "", "waits for a process that does not end"},
	{"net.(*TCPListener).Accept", "", "an accept loop whose listener was not closed"},
	{"net.(*UnixListener).Accept", "", "an accept loop whose listener was not closed"},
	{"internal/poll.(*FD).Accept", "", "an accept loop whose listener was not closed"},
	{"io.(*pipe).write", "", "an io.Pipe whose reader has stopped reading: close the reader with an error"},
	{"io.(*pipe).read", "", "an io.Pipe whose writer was not closed"},
	{"runtime.runFinalizers", "", "a finalizer that blocks; no other finalizer of the process will run"},
	{"runtime.runfinq", "", "a finalizer that blocks; no other finalizer of the process will run"},
}

// byWait says what may be wrong where only the wait is known.
var byWait = map[string]string{
	frames.ChanSend:       "sends on a channel that nobody receives from any more: the receiver has returned, or the buffer is full. A buffer of one, or a select with ctx.Done(), lets the sender go",
	frames.ChanSendNil:    "the channel is nil, it was never made: a send on it blocks for ever",
	frames.ChanReceive:    "receives from a channel that nobody sends on or closes: the sender has returned early, or its close is missing",
	frames.ChanReceiveNil: "the channel is nil, it was never made: a receive from it blocks for ever",
	frames.Select:         "none of the cases of its select can happen any more: give it one that ends it, such as ctx.Done()",
	frames.SelectNoCases:  "select {} blocks for ever: wait for something that the test can end",
	frames.MutexLock:      "the mutex is held by someone who has returned without Unlock, who waits too, or who is this goroutine itself",
	frames.RWMutexLock:    "a reader or writer holds the lock: it has returned without unlocking, waits too, or is this goroutine itself",
	frames.RWMutexRLock:   "a writer holds the lock or waits for it: it has returned without Unlock, waits too, or this goroutine reads twice",
	frames.WaitGroupWait:  "a Done is missing: one of those it waits for is stuck, or has returned before its Done",
	frames.CondWait:       "nobody calls Signal or Broadcast any more, or they did before it waited",
	frames.Semacquire:     "waits for a lock of the standard library that is never released",
	frames.IOWait:         "waits for I/O that does not come: close the connection or file, or set a deadline",
	frames.Sleep:          "sleeps, and nothing can tell it to stop: wait for a timer and ctx.Done() in a select instead",
	frames.Syscall:        "is in a system call or in C: only what it waits for can end it",
	frames.Coroutine:      "an iterator of iter.Pull whose stop function was not called",
	frames.Running:        "still runs: a loop without a way out, or work that takes longer than the patience",
}

// likelyCause says in words what may be wrong, from what the goroutines wait
// for, the functions on their stack, and the source where it can be read.
func (g *group) likelyCause() string {
	stack := g.frames()
	wait, blocked, _ := frames.Wait(stack, mainModule())
	for _, known := range wellKnown {
		if known.wait != "" && known.wait != wait {
			continue
		}
		open := strings.HasSuffix(known.function, ".") || strings.HasSuffix(known.function, ".func")
		for _, f := range stack {
			if f.Function == known.function || open && strings.HasPrefix(f.Function, known.function) {
				return known.cause
			}
		}
	}
	if blocked >= 0 {
		if cause := causeInSource(wait, sourceLines(stack[blocked].File, stack[blocked].Line, 12)); cause != "" {
			return cause
		}
	}
	return byWait[wait]
}

// causeInSource says what the line that waits shows, and of a select the lines
// that follow.
func causeInSource(wait string, lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	line := lines[0]
	switch wait {
	case frames.ChanReceive:
		switch {
		case strings.Contains(line, "time.Tick("):
			return "range over time.Tick never ends: use a time.NewTicker in a select that can be left"
		case strings.Contains(line, ".Done()"):
			return "the context is never cancelled: call the function that WithCancel, WithTimeout or WithDeadline returned"
		case strings.Contains(line, "range ") && strings.Contains(line, ".C "):
			return "range over a Ticker's channel never ends, Stop does not close it: use a select that can be left"
		case strings.Contains(line, "range "):
			return "ranges over a channel that nobody closes"
		case strings.Contains(line, "time.After("):
			return "waits for a long timer that nothing cuts short: use a select with ctx.Done() beside it"
		}
	case frames.Select:
		// Those of this select, as far as a closing brace tells.
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		for _, l := range lines[1:] {
			if strings.HasPrefix(l, indent+"}") {
				break
			}
			if strings.Contains(l, "case") && strings.Contains(l, ".Done()") {
				return "none of its cases happens: the context is not cancelled. Call the function that WithCancel, WithTimeout or WithDeadline returned"
			}
		}
	}
	return ""
}
