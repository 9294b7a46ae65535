// Package guard watches the process it lives in, and has the evidence of a leak
// of memory or goroutines on disk before the kernel kills the process.
//
//	g, err := guard.Start(guard.Config{})
//	if err != nil {
//		return err
//	}
//	defer g.Close()
//
// The zero [Config] is a working guard. It finds the memory limits, chooses the
// rules for them ([DefaultRules]), keeps its evidence in the user's cache folder,
// and logs to slog.Default. [Config.WithEnv] lays the environment over it.
//
// # The way of the data
//
//  1. A reading is taken ([incident.Reading]): the runtime's metrics, the memory
//     cgroup, /proc. Calm and idle that is once a second; after some milliseconds
//     of CPU time, at the end of each GC cycle, and every 10 ms while memory
//     grows towards the limit, it is sooner.
//     The history of some signals is kept for weeks and judged every half hour
//     ([Growing]). Goroutines are counted by the place where they wait once a
//     minute, or less often to stay under 0.1% of a core.
//  2. Each [Rule] compares its signal with its line. A crossing opens an
//     [Incident]; where memory merely rises fast, evidence is taken on suspicion
//     first, and thrown away if a garbage collection shows that it was garbage.
//  3. The evidence is taken: goroutine and heap profile as they are, beside them
//     the baseline from calm times, then a heap profile that a forced GC made
//     fresh. Whatever would need more than a quarter of the memory left is left
//     out, and the manifest says so.
//  4. The [store.Store] keeps incidents whole, and within its bounds.
//  5. The profiles are compared and the report is written beside them, once no
//     evidence is being taken, the limit is not near, and a quarter of the memory
//     left is enough for it. Otherwise the next Start does it.
//  6. Each [Sink] is told what happened, as [Event]; see Delivery.
//
// # Rules and their states
//
// A rule is calm until its signal has been at or above its line for Rule.For.
// Then an incident is open, for as long as the signal stays there, and until it
// has been below the recovery line for Rule.Hold. Between the two lines nothing
// changes, so a value that swings round the line is one incident. A value that
// cannot be read neither opens nor closes anything.
//
// An open incident gets evidence once. It gets more when things have become much
// worse: a quarter of the headroom, four times the value, goroutines that the
// evidence does not show, or, with the limit less than ten seconds away, more
// live memory than it shows. Where other evidence
// of the last hour (Rule.Cooldown) speaks for the same situation it takes none,
// and Incident.EvidenceIn says whose that is. A capture that fails is tried again
// after 250 ms, and after twice as long each further time, up to a minute; it
// costs neither cooldown nor budget. The budget (Config.CapturesPerHour) refills
// evenly. [Guard.Snapshot] has each rule's last decision and why.
//
// All of this goes by the monotonic clock: a step of the wall clock changes
// nothing but names and timestamps.
//
// # What fills the memory
//
// 'Container memory explodes while the heap is tiny': a job that writes a file of
// five times the limit takes a container of 128 MiB to 127.9 MiB of usage, and one
// that reads some of it twice to a working set of 106.9 MiB, with a Go heap of 1.5 MiB
// and 6.9 MiB that must stay (examples/pagecache, Linux 6.18, cgroup v1). Nothing
// leaks. The rules go by what the kernel cannot take back before it kills
// ([incident.Reading.Unreclaimable]), so no incident opens; one line of log, at Info,
// says once an episode that page cache meets the limit (95%), or that dirty pages have
// done so for 5 s. It is over when usage was below 85% for a minute.
//
// Snapshot.Verdict says in a sentence what fills the memory and what of it grew in
// the last ten minutes ([incident.Reading.Verdict]), an [Incident] has the verdict of
// when it opened, and [incident.Reading.Division] has the parts: they add up to the
// usage, of which at most 0.5 MiB was accounted for by nothing when 160 MiB of
// page cache, tmpfs, locked file, mmap or Go heap were made in a group of 256 MiB.
//
// # Pressure
//
// Where the death of the process is near, a service can leave before it is
// killed: fail its readiness check, finish what it has, and exit. An episode of
// pressure ([PressureLines]) begins when 85% of the limit lives, or, after the
// first minute, half of it and the rest would be full in 30 s. Page cache, garbage and
// free heap do not count; a GC cycle is forced where only that can tell, and only
// if anybody listens. An episode calls Config.OnPressure once, with the predicted
// death as deadline, and cancels the contexts of [Guard.PressureContext], which
// stay so; [Guard.UnderPressure] may be asked for each request, and
// guardhttp.Ready answers probes. It is over when all that has been better for
// 30 s. Config.Relief has the guard free memory, or lower the runtime's memory
// limit, meanwhile.
//
// The order in which to leave is: the readiness check fails; the balancer sends
// nothing more; what it has sent is answered; the process exits with 0, and is
// started again. The second step takes the balancer's time, not the service's, so
// a service that shuts down at once refuses what is on its way. The example in
// examples/drain has all of it.
//
// # Delivery
//
// The events of an incident are numbered ([Event.Sequence]) and kept in delivery.json in
// its folder, with what each sink has accepted. Start offers each sink what it has not
// accepted of the incidents that are still kept: the newest incident first, in order
// within each, and read from disk only when the sink has nothing newer to do. Events of
// this process always go before those, so an incident that opens now does not wait for
// the backlog. Refused events are not tried again before the next Start.
//
// Every event reaches every sink at least once, and exactly once unless the process dies
// between the acceptance and its record. Then it comes again with the same [Event.Key].
// Processes that share a folder may both deliver an event of an incident that is over: a
// Start offers what is not yet accepted, whoever wrote it.
//
// Delivery does not wait for the disk. Up to 256 events are held in memory; beyond that,
// incidents whose events are on disk are read again later, and events of incidents
// without a folder are dropped and counted (Counters.DroppedEvents). An incident has no
// folder if there is no disk, if nothing of its evidence could be saved, or if it shares
// the evidence of another one. Of one incident the first and the newest events are kept,
// 64 in all.
//
// # What the last process died of
//
// Each reading and decision is also written into the black box, a file of 228 KiB in
// Dir that is made and filled at Start and never grows. A write goes to the kernel's
// page cache, so it survives the process however that ends, SIGKILL and the kernel's
// OOM kill included; it does not survive a power cut or a crash of the kernel. Where
// a write takes more than 100 ms the box is left alone for a hundred times as long.
//
// [Guard.Close] removes the box. Start looks for the boxes of processes that ended
// without Close: their lock is free. Each death is reported once, also where several
// processes share the folder or start at the same time: by a line in the log, an event
// [PreviousDeath], and an incident of rule 'previous-death' with the last readings, what
// was decided, and whose evidence says who leaked. The event waits until that evidence is
// explained, 30 s at most. Of many deaths the newest four are reported, fewer if
// Config.KeepIncidents is less; the others are counted in the newest report
// ([incident.Death.Untold]). Boxes are read one at a time, and Close does not wait for the
// rest of them: the next Start goes on. The causes, and how they are told apart:
//
//   - OOM kill: the kernel's count of kills in its cgroup has risen and memory was at
//     the limit. In a new cgroup, such as that of a restarted container, the count began
//     at 0 and proves nothing; then the verdict is 'likely', from the last reading and
//     the count of the host.
//   - panic: the Go runtime has written its trace (Config.CrashOutput).
//   - end of the host: the kernel has been booted since, or this is another host.
//   - otherwise a SIGKILL, a crash, or an exit without Close, which cannot be told apart.
//     Where the kernel's counts have not risen, an OOM kill is ruled out.
//
// It died between its last sample and the Start that found it; near a limit samples
// come every 5 to 10 ms, in calm times once a second. Deaths of one cause are counted
// over 24 h. Of the incidents that tell of deaths the newest four are kept, so that
// they do not push out the evidence.
//
// A process that exits without Close, also by a SIGTERM that it does not handle, is
// reported as killed. One whose panic runs a deferred Close is not reported, unless
// Config.CrashOutput is set. On a folder that several hosts share, and on
// Windows, a process counts as dead when it has not written for a while.
//
// # Idle CPU
//
// Goroutines that range over [time.Tick], tickers that nobody stops and timers
// that set themselves again cost CPU when there is nothing to do, more each day.
// [CPUFloor] and [WakeupFloor] are what the quietest tenth of the last hour's
// minutes used (Config.FloorWindow): load and jobs that leave some minutes alone
// do not move them. They are known from getrusage(2) and from the number of times
// that the scheduler woke a goroutine, of which the runtime measures one in eight;
// the runtime's own CPU metrics move only at the end of a GC cycle.
//
// The rule 'idle-cpu' watches their trend, and takes a CPU and a goroutine
// profile. In simulations with 100 tickers of 10 Hz more an hour it found them
// after 25 to 65 hours, at 3 to 7% of a core, in services that are idle for some
// minutes of each hour or whose load is steady but noisy, and after 5 days, at
// 13%, under the swing of an office's load. At 60% of a core with noise of a fifth
// it took a week, and 19%. In 130 series of 14 days of healthy services (swings,
// batch jobs, a cron job, garbage collection, warm-up, load that doubles for good)
// it was wrong in 2, both of a load that tripled in three roll-outs
// (TestIdleCPUFigures).
//
// What it cannot tell: load that rises evenly for a day, at night, too, looks the
// same. A rise that is over within a day is left to the rule 'goroutines', if it
// is of goroutines. A ticker without a goroutine, such as a [time.AfterFunc] that
// sets itself again, is found more slowly, and the report names the function that
// uses the CPU, not how many there are. GODEBUG=asynctimerchan=1, under which a
// ticker is never collected that nobody stops, is logged at Start.
//
// # Concurrency
//
// All methods of [Guard] may be called from any goroutine, also on a nil Guard, and
// by code that the guard calls: a sink, OnPressure, a log handler.
//
// One goroutine takes the readings and decides. It calls no code of the program, and
// nothing else holds it up. [Guard.Snapshot] and [Guard.History] read what it has
// published and never wait for it. Code of the program runs elsewhere:
//
//   - The Logger's handler is called by a goroutine of its own, one line at a time, out
//     of a queue of 256 lines. Where the queue is full, lines are dropped and counted
//     (Counters.DroppedLogLines).
//   - Each delivery to a [Sink] runs on a goroutine of its own, one per sink at a time.
//   - OnPressure runs on a goroutine of its own, once at a time.
//
// Such code may block, panic, end its goroutine with [runtime.Goexit] or call the
// guard's methods. Readings go on, evidence is taken, and [Guard.Close] returns after
// Config.CloseTimeout at the latest, with an error that names what has not returned.
//
// Nothing stands before evidence. Each capture has its own goroutine from beginning to
// end, and its first file is there within 50 ms of the crossing on a free processor,
// whatever else the guard is doing: a CPU profile of another incident, a census of a
// million goroutines, reports, or what earlier processes left. (With 5,000 goroutines
// it took 24 ms while a CPU profile ran, on a machine that was busy with other tests.)
// Only while the limit is near does a second capture wait until the first has its
// fresh heap profile.
//
// A guard keeps the goroutine above and, if there are sinks, one that keeps the record of
// deliveries. Others live for as long as there is work: one per capture, one each for baselines and
// censuses, for manifests and reports, for what earlier processes left, for an
// explanation and for the log, and under pressure one for Relief and one for a forced
// GC. On Linux a thread waits for the CPU clock's signal, unless Config.PollOnly is
// set. [Guard.Close] ends them all.
//
// # Cost
//
// A look takes 8 to 15 µs and allocates nothing: a reading of everything
// (BenchmarkReading), each rule judged, the reading written into the black box (1.3 to
// 2 µs, BenchmarkRecord), and the state published for readers (0.2 µs,
// BenchmarkPublish); BenchmarkLook is all of it. [runtime.ReadMemStats], which stops the
// world, took 42 µs beside it. An idle process is woken once a second. A baseline
// forces a GC cycle at Start, a minute later, and once an hour; so does a capture
// where it would end in time. Config.NoForcedGC forbids both.
//
// # Platforms
//
//   - Linux: everything above, with cgroups of version 1 and 2.
//   - Other unix: no cgroup and no /proc, so what Go itself holds is all that is
//     known of memory, and Config.Limit or GOMEMLIMIT the only limits. CPU time
//     is known, and the guard polls by it.
//     What a process died of is told without the kernel's counts of kills.
//   - Windows: the same; there is no SIGUSR1 for Config.CaptureOnSignal, and the
//     store tells by age, not by a lock, which processes live.
//
// What is not known is [profile.Unknown], and never 0.
package guard
