package frames

import "strings"

// What goroutines wait for, in the words of the runtime's own traces (see
// waitReasonStrings in runtime/runtime2.go).
const (
	ChanReceive    = "chan receive"
	ChanReceiveNil = "chan receive (nil chan)"
	ChanSend       = "chan send"
	ChanSendNil    = "chan send (nil chan)"
	Select         = "select"
	SelectNoCases  = "select (no cases)"
	MutexLock      = "sync.Mutex.Lock"
	RWMutexRLock   = "sync.RWMutex.RLock"
	RWMutexLock    = "sync.RWMutex.Lock"
	WaitGroupWait  = "sync.WaitGroup.Wait"
	CondWait       = "sync.Cond.Wait"
	Semacquire     = "semacquire"
	IOWait         = "IO wait"
	Sleep          = "sleep"
	Coroutine      = "coroutine"
	Syscall        = "syscall"
	Running        = "running" // or runnable: a stack does not show the difference
	Waiting        = "waiting" // parked by a part of the runtime that reasons does not name
)

// reasons maps functions to what they wait for. The one nearest the leaf
// decides.
var reasons = map[string]string{
	"runtime.chanrecv":                      ChanReceive,
	"runtime.chanrecv1":                     ChanReceive,
	"runtime.chanrecv2":                     ChanReceive,
	"runtime.chansend":                      ChanSend,
	"runtime.chansend1":                     ChanSend,
	"runtime.selectgo":                      Select,
	"runtime.block":                         SelectNoCases,
	"internal/sync.runtime_SemacquireMutex": MutexLock,
	"sync.runtime_SemacquireMutex":          MutexLock,
	"sync.runtime_SemacquireRWMutexR":       RWMutexRLock,
	"sync.runtime_SemacquireRWMutex":        RWMutexLock,
	"sync.runtime_SemacquireWaitGroup":      WaitGroupWait,
	"sync.(*WaitGroup).Wait":                WaitGroupWait,
	"sync.runtime_notifyListWait":           CondWait,
	"runtime.netpollblock":                  IOWait,
	"internal/poll.runtime_pollWait":        IOWait,
	"internal/poll.runtime_Semacquire":      Semacquire,
	"time.Sleep":                            Sleep,
	"runtime.coroswitch":                    Coroutine,
	"runtime.coroswitch_m":                  Coroutine,
	"runtime.synctestRun":                   "synctest.Run",
	"internal/synctest.Run":                 "synctest.Run",
	"runtime.synctestWait":                  "synctest.Wait",
	"internal/synctest.Wait":                "synctest.Wait",
	"runtime.runfinq":                       "finalizer wait",
	"runtime.runFinalizers":                 "finalizer wait",
	"runtime.runCleanups":                   "cleanup wait",
	"runtime.(*cleanupQueue).dequeue":       "cleanup wait",
	"runtime.bgsweep":                       "GC sweep wait",
	"runtime.bgscavenge":                    "GC scavenge wait",
	"runtime.(*scavengerState).park":        "GC scavenge wait",
	"runtime.(*scavengerState).sleep":       "GC scavenge wait",
	"runtime.gcBgMarkWorker":                "GC worker (idle)",
	"runtime.forcegchelper":                 "force gc (idle)",
	"runtime.updateMaxProcsGoroutine":       "GOMAXPROCS updater (idle)",
	"runtime.gcParkAssist":                  "GC assist wait",
	"runtime.gcAssistAlloc":                 "GC assist wait",
	"runtime.gcWaitOnMark":                  "wait for GC cycle",
	"runtime.ReadTrace":                     "trace reader (blocked)",
	"runtime.readTrace0":                    "trace reader (blocked)",
	"runtime.traceReader":                   "trace reader (blocked)",
}

// Wait returns what the goroutine with this stack, leaf first, waits for: the
// reason, the index of the frame that blocks (see [Site]), and the index of the
// function that the goroutine started with, as far as the stack reaches. The
// indexes are -1 for an empty stack. Wait needs the frames below
// runtime.gopark, which profiles have with debug=0 but not with debug=1 or 2.
func Wait(stack []Frame, mainModule string) (reason string, blocked, root int) {
	blocked, root = Site(stack, mainModule), len(stack)-1
	for i := len(stack) - 1; i >= 0; i-- {
		if !IsRuntime(PackageOf(stack[i].Function)) { // not runtime.main, runtime.corostart
			root = i
			break
		}
	}
	return Reason(stack), blocked, root
}

// Reason returns the first result of [Wait].
func Reason(stack []Frame) string {
	if len(stack) == 0 {
		return Running
	}
	switch leaf := stack[0].Function; {
	case leaf == "runtime.coroswitch" || leaf == "runtime.coroswitch_m":
		return Coroutine
	case inSyscall(leaf):
		return Syscall
	case leaf != "runtime.gopark" && leaf != "runtime.goparkunlock":
		return Running
	}
	// Some reasons are known only from an outer function: semacquire alone says
	// nothing, its caller does. The first function outside the plumbing ends
	// the search.
	unnamed := Waiting
	for i, f := range stack[1:] {
		if f.Function == "sync.runtime_Semacquire" || f.Function == "runtime.semacquire" || f.Function == "runtime.semacquire1" {
			unnamed = Semacquire // until a caller says more
			continue
		}
		if reason, ok := reasons[f.Function]; ok {
			return nilChannel(reason, stack[i+1])
		}
		if !IsPlumbing(PackageOf(f.Function)) {
			break
		}
	}
	return unnamed
}

// nilChannel recognises an operation on a nil channel. It parks in the first
// lines of chanrecv or chansend; other operations park more than 100 lines
// further down. Nothing else in the stack differs.
func nilChannel(reason string, f Frame) string {
	const near = 30 // lines; 10 and 14 in Go 1.25 and 1.26
	if f.StartLine <= 0 || f.Line-f.StartLine > near {
		return reason
	}
	switch f.Function {
	case "runtime.chanrecv":
		return ChanReceiveNil
	case "runtime.chansend":
		return ChanSendNil
	}
	return reason
}

// inSyscall reports whether the leaf of a stack is in the kernel or in C, where
// nothing parks.
func inSyscall(leaf string) bool {
	switch leaf {
	case "runtime.cgocall", "runtime.notetsleepg", "runtime.entersyscall", "runtime.exitsyscall":
		return true
	}
	for _, prefix := range []string{
		"syscall.Syscall", "syscall.RawSyscall", "syscall.syscall", "syscall.rawSyscall",
		"internal/runtime/syscall", "runtime/internal/syscall", "golang.org/x/sys/unix.Syscall", "golang.org/x/sys/unix.syscall",
		"golang.org/x/sys/windows.syscall",
	} {
		if strings.HasPrefix(leaf, prefix) {
			return true
		}
	}
	return false
}

// CanBeForever reports whether a wait for this reason may never end because
// nobody is left to end it: channels, select, locks, WaitGroup and Cond. A
// timer fires, and I/O ends with its peer or its deadline.
func CanBeForever(reason string) bool {
	// In a synctest bubble the runtime adds that the wait is durable.
	switch strings.TrimSuffix(reason, " (durable)") {
	case ChanReceive, ChanReceiveNil, ChanSend, ChanSendNil, Select, SelectNoCases,
		MutexLock, RWMutexRLock, RWMutexLock, WaitGroupWait, CondWait, Semacquire:
		return true
	}
	return false
}

// Predicate puts what one goroutine, or many of them, do into words, as the
// predicate of a sentence: 'waits in select', 'sleep', 'are running'. An unknown
// reason ("") counts as [Running].
func Predicate(many bool, reason string) string {
	is, s := "is", "s"
	if many {
		is, s = "are", ""
	}
	switch reason {
	case Running, "":
		return is + " running"
	case Sleep:
		return "sleep" + s
	case Waiting:
		return "wait" + s
	case IOWait:
		return "wait" + s + " for I/O"
	case Syscall:
		return is + " in a system call"
	}
	return "wait" + s + " in " + reason
}
