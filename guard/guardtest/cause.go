package guardtest

import (
	"strings"

	"github.com/leakguard/leakguard/internal/frames"
)

// wellKnown are functions whose presence on a stack says more than what the
// goroutine waits for. The first match in the list decides; wait restricts it.
var wellKnown = []struct {
	function string // a prefix if it ends in a dot or in .func
	wait     string // "" matches any
	cause    string
}{
	{"net/http.(*persistConn).readLoop", frames.Select, "a response body was neither closed nor read to the end: defer resp.Body.Close()"},
	{"net/http.(*persistConn).readLoop", "", "an idle keep-alive connection of an http.Client with its own Transport: call the client's CloseIdleConnections, or close the server"},
	{"net/http.(*persistConn).writeLoop", "", "the write loop of an HTTP client's connection, which ends with its read loop: close the response body, or call the client's CloseIdleConnections"},
	{"net/http.(*http2ClientConn).readLoop", "", "an HTTP/2 connection of a client: call its CloseIdleConnections, and close response bodies"},
	{"net/http/httptest.(*Server).goServe.func1", "", "an httptest.Server that was not closed"},
	{"net/http.(*Server).Serve", "", "an http.Server that was neither shut down nor closed"},
	{"net/http.(*conn).serve", frames.IOWait, "a server connection that its client keeps open: close the client's idle connections or the server"},
	{"net/http.(*connReader).backgroundRead", "", "a server connection whose handler has not returned"},
	{"database/sql.(*DB).connectionOpener", "", "a sql.DB that was not closed"},
	{"database/sql.(*DB).connectionCleaner", "", "a sql.DB that was not closed"},
	{"database/sql.(*Rows).awaitDone", "", "sql.Rows that were not closed: defer rows.Close()"},
	{"database/sql.(*Tx).awaitDone", "", "a sql.Tx that was neither committed nor rolled back"},
	{"google.golang.org/grpc.(*Server).Serve", "", "a grpc.Server that was not stopped"},
	{"google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run", "", "a grpc.ClientConn that was not closed"},
	{"google.golang.org/grpc/internal/transport.", "", "a gRPC connection: a grpc.ClientConn was not closed, or a grpc.Server was not stopped"},
	{"context.(*cancelCtx).propagateCancel.func", "", "a context that was never cancelled: call the function returned by WithCancel, WithTimeout or WithDeadline"},
	{"os/exec.(*Cmd).", "", "a command that was not waited for, or whose child process holds its output open: call Wait, and set WaitDelay"},
	{"os.(*Process).", "", "waits for a process that does not exit"},
	{"net.(*TCPListener).Accept", "", "an accept loop whose listener was not closed"},
	{"net.(*UnixListener).Accept", "", "an accept loop whose listener was not closed"},
	{"internal/poll.(*FD).Accept", "", "an accept loop whose listener was not closed"},
	{"io.(*pipe).write", "", "an io.Pipe whose reader has stopped reading: close the reader with an error"},
	{"io.(*pipe).read", "", "an io.Pipe whose writer was not closed"},
	{"runtime.runFinalizers", "", "a finalizer that blocks: no other finalizer of the process will run"},
	{"runtime.runfinq", "", "a finalizer that blocks: no other finalizer of the process will run"},
}

// byWait gives the likely cause when only the kind of wait is known.
var byWait = map[string]string{
	frames.ChanSend:       "sends on a channel that nobody receives from any more: the receiver has returned, or the buffer is full. A buffer of one, or a select with ctx.Done(), lets the sender finish",
	frames.ChanSendNil:    "sends on a nil channel, which blocks forever: the channel was never made",
	frames.ChanReceive:    "receives from a channel that nobody sends on or closes: the sender has returned early, or a close is missing",
	frames.ChanReceiveNil: "receives from a nil channel, which blocks forever: the channel was never made",
	frames.Select:         "none of the cases of its select can happen any more: add one that ends it, such as <-ctx.Done()",
	frames.SelectNoCases:  "select {} blocks forever: wait for something that the test can end",
	frames.MutexLock:      "the mutex is held by a goroutine that has returned without Unlock, by one that is waiting itself, or by this one",
	frames.RWMutexLock:    "a reader or writer holds the lock: it has returned without unlocking, is waiting itself, or is this goroutine",
	frames.RWMutexRLock:   "a writer holds the lock or waits for it: it has returned without Unlock, is waiting itself, or this goroutine already holds a read lock",
	frames.WaitGroupWait:  "a Done is missing: a goroutine that it waits for is stuck, or has returned without calling Done",
	frames.CondWait:       "nobody calls Signal or Broadcast any more, or they were called before it waited",
	frames.Semacquire:     "waits for a lock of the standard library that is never released",
	frames.IOWait:         "waits for I/O that does not come: close the connection or file, or set a deadline",
	frames.Sleep:          "sleeps, and nothing can tell it to stop: wait for a timer and ctx.Done() in a select instead",
	frames.Syscall:        "is in a system call or in C code, which nothing in Go can interrupt",
	frames.Coroutine:      "an iterator of iter.Pull whose stop function was not called",
	frames.Running:        "still runs: a loop without an exit, or work that takes longer than the patience",
}

// likelyCause returns what may be wrong, judging by what the goroutines wait for,
// the functions on their stack, and the source if it can be read.
func (g *group) likelyCause() string {
	stack := g.frames()
	wait, blocked, _ := frames.Wait(stack, mainModule())
	ofDependency := inDependency(stack)
	if ofDependency {
		if cause := g.causeInDependency(); cause != "" {
			return cause
		}
	}
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
	if ofDependency {
		function, _ := g.origin()
		return "a goroutine of package " + publicPackage(function) + ": close, stop or shut down what the package gave you"
	}
	if cause := causeInCall(stack); cause != "" && wait != frames.IOWait {
		return cause
	}
	if blocked >= 0 {
		if cause := causeInSource(wait, sourceLines(stack[blocked].File, stack[blocked].Line, 12)); cause != "" {
			return cause
		}
	}
	return byWait[wait]
}

// causeInSource returns the cause that the waiting line shows and, for a select,
// the lines that follow.
func causeInSource(wait string, lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	line := lines[0]
	switch wait {
	case frames.ChanReceive:
		switch {
		case strings.Contains(line, "time.Tick("):
			return "range over time.Tick never ends: use time.NewTicker and a select with an exit"
		case strings.Contains(line, ".Done()"):
			return "the context is never cancelled: call the function returned by WithCancel, WithTimeout or WithDeadline"
		case strings.Contains(line, "range ") && strings.Contains(line, ".C "):
			return "range over a Ticker's channel never ends because Stop does not close it: use a select with an exit"
		case strings.Contains(line, "range "):
			return "ranges over a channel that nobody closes"
		case strings.Contains(line, "time.After("):
			return "waits for a long timer that nothing cuts short: use a select that also waits for ctx.Done()"
		}
	case frames.Select:
		// The cases of this select, judging by its closing brace.
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		for _, l := range lines[1:] {
			if strings.HasPrefix(l, indent+"}") {
				break
			}
			if strings.Contains(l, "case") && strings.Contains(l, ".Done()") {
				return "none of its cases happens because the context is not cancelled: call the function returned by WithCancel, WithTimeout or WithDeadline"
			}
		}
	}
	return ""
}
