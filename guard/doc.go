// Package guard watches the process it runs in and saves the evidence of memory
// and goroutine leaks to disk before the kernel kills the process.
//
//	g, err := guard.Start(guard.Config{})
//	if err != nil {
//		return err
//	}
//	defer g.Close()
//
// The zero [Config] is a working guard. It finds the memory limits, chooses rules
// that suit them ([DefaultRules]), keeps its evidence in the user's cache
// directory, and logs to [slog.Default]. [Config.WithEnv] applies settings from the
// environment.
//
// # How it works
//
//  1. The guard takes a reading ([incident.Reading]) of the runtime's metrics, the
//     memory cgroup and /proc. An idle process is read once a second. Readings
//     come sooner after some milliseconds of CPU time and at the end of each GC
//     cycle, and every 10 ms while memory grows towards the limit.
//     Some signals have a history of weeks, which is checked for a trend every
//     half hour ([Growing]). The goroutine census counts goroutines by the place
//     where they wait, once a minute, or less often to stay under 0.1% of a core.
//  2. Each [Rule] compares its signal with its line. Crossing the line opens an
//     [Incident]. If memory merely rises fast, the guard captures evidence on
//     suspicion, and discards it if a garbage collection shows that the growth was
//     garbage.
//  3. A capture saves the goroutine and heap profiles as they are, then the
//     baseline from calm times, then a heap profile made fresh by a forced GC, and
//     then the other baselines of this process. A profile that would need more than
//     a quarter of the remaining memory is skipped, and the manifest says so. In
//     place of a goroutine profile it has the newest baseline then.
//  4. The store on disk keeps whole incidents and stays within its bounds
//     ([Config.KeepBytes], [Config.KeepIncidents], [Config.KeepAge]).
//  5. The profiles are compared and the report is written beside them. This waits
//     until no evidence is being captured, the limit is not near, and it needs at
//     most a quarter of the remaining memory. Otherwise the next Start does it.
//  6. Each [Sink] receives every step as an [Event]; see Delivery.
//
// # Rules and their states
//
// A rule is calm until its signal has been at or above its line for Rule.For. Then
// it opens an incident. The incident closes once the signal has been below the
// recovery line for Rule.Hold. Between the two lines nothing changes, so a value
// that swings around the line is one incident. A value that cannot be read neither
// opens nor closes an incident.
//
// An open incident gets evidence once. It gets more if things become much worse: a
// quarter of the headroom is gone, the value has quadrupled, there are goroutines
// that the evidence does not show, or the limit is less than ten seconds away and
// more memory is live than the evidence shows. If evidence from the last hour
// (Rule.Cooldown) already covers the situation, the incident gets none of its own,
// and Incident.EvidenceIn names the incident that has it. A failed capture is retried
// after 250 ms, then at intervals that double up to a minute. Failed captures use up
// neither cooldown nor budget. The budget (Config.CapturesPerHour) refills evenly.
// [Guard.Snapshot] has each rule's last decision and the reason for it.
//
// All of this uses the monotonic clock. A step of the wall clock changes only names
// and timestamps.
//
// # What fills the memory
//
// 'Container memory explodes while the heap is tiny' is often no leak. A job that
// writes a file of five times the limit takes a container of 128 MiB to 127.9 MiB of
// usage. One that reads part of that file twice reaches a working set of 106.9 MiB.
// Its Go heap is 1.5 MiB, and 6.9 MiB cannot be reclaimed (examples/pagecache, Linux
// 6.18, cgroup v1). The rules use the memory that the kernel cannot reclaim before it
// kills ([incident.Reading.Unreclaimable]), so no incident opens. Instead, one log
// line per episode, at level Info, says that page cache (or reclaimable memory of the
// kernel, such as dentries) has reached the limit (95%),
// or that dirty pages have stayed there for 5 s. The episode ends once usage has been
// below 85% for a minute.
//
// Snapshot.Verdict says in a sentence what fills the memory and what has grown in the
// last ten minutes ([incident.Reading.Verdict]). An [Incident] carries the verdict of
// the moment it opened. [incident.Reading.Division] has the parts, which add up to
// the usage. In a cgroup of 256 MiB with 160 MiB of page cache, tmpfs, locked file,
// mmap or Go heap, at most 0.5 MiB of the usage was unaccounted for.
//
// # Pressure
//
// A service that knows its end is near can leave before it is killed: it fails its
// readiness check, finishes its work, and exits. An episode of pressure
// ([PressureLines]) begins when 85% of the limit is live. After the first minute it
// also begins when half of the limit is live and the rest would fill in 30 s. Page
// cache, garbage and free heap do not count. The guard forces a GC cycle if it needs
// one to decide, and only if the program uses pressure.
//
// An episode calls Config.OnPressure once, with the predicted end as the deadline,
// and cancels the contexts of [Guard.PressureContext], which stay cancelled.
// [Guard.UnderPressure] is cheap enough to call for each request, and
// guardhttp.Ready answers readiness probes. Config.Relief makes the guard free memory
// or lower the runtime's memory limit during the episode. The episode ends once
// all of this has been better for 30 s.
//
// Leave in this order: fail the readiness check, wait until the load balancer has
// stopped sending requests, answer those that have arrived, and exit with 0 to be
// restarted. The wait depends on the load balancer. A service that shuts down at once
// refuses requests that are already on their way. See examples/drain for a complete
// program.
//
// # Delivery
//
// The events of an incident are numbered ([Event.Sequence]). The file delivery.json in
// the incident's folder keeps them, with the events that each sink has accepted. Start
// offers each sink the events it has not accepted, for all incidents that are still
// kept: the newest incident first, and in order within an incident. They are read from
// disk only when the sink has nothing newer to do. Events of this process always go
// first, so a new incident does not wait for the backlog. A refused event is not
// offered again before the next Start.
//
// Every event reaches every sink at least once. It arrives twice only if the process
// dies after a sink has accepted it and before that is recorded; the repetition has
// the same [Event.Key]. Processes that share a folder may both deliver an event of an
// incident that is over, because each Start offers what has not been accepted yet.
//
// Delivery does not wait for the disk. Up to 256 events are held in memory. Beyond
// that, events that are on disk are read again later. Events of incidents without a
// folder are dropped and counted (Counters.DroppedEvents). An incident has no folder if
// there is no disk, if none of its evidence could be saved, or if it shares the
// evidence of another incident. Each incident keeps its first and its newest events,
// 64 in all.
//
// # How the previous process died
//
// Each reading and decision is also written to the black box, a file of 228 KiB in
// Dir. It is allocated at Start and never grows. A write goes to the kernel's page
// cache, so it survives any end of the process, including SIGKILL and the kernel's OOM
// kill. It does not survive a power failure or a kernel crash. If a write takes more
// than 100 ms, the guard stops writing for a hundred times as long.
//
// [Guard.Close] removes the box. Start looks for the boxes of processes that ended
// without Close, whose locks are free. Each death is reported once, even if several
// processes share the folder or start at the same time. The report consists of a log
// line, an event [PreviousDeath], and an incident of rule 'previous-death' with the last
// readings, the last decisions, and the suspects found in the evidence. The event waits
// up to 30 s for that evidence to be explained. If there are many deaths, the newest
// four are reported, or fewer if Config.KeepIncidents is less. The others are counted
// in the newest report ([incident.Death.Untold]). Boxes are read one at a time. Close
// does not wait for the rest of them; the next Start continues.
//
// The causes are:
//
//   - OOM kill: the kernel's count of kills in the cgroup has risen and memory was at
//     the limit. In a new cgroup, such as that of a restarted container, the count
//     starts at 0 and proves nothing. Then the verdict is 'likely', based on the last
//     reading and the host's count.
//   - panic: the Go runtime has written its trace (Config.CrashOutput).
//   - end of the host: the kernel has been booted since, or this is another host.
//   - otherwise a SIGKILL, a crash, or an exit without Close, which cannot be told
//     apart. An OOM kill is ruled out if the kernel's counts have not risen.
//
// The process died between its last reading and the Start that found the box. Near a
// limit readings come every 5 to 10 ms, in calm times once a second. Deaths with the
// same cause are counted over 24 h. Only the newest four incidents of rule
// 'previous-death' are kept, so that they do not push out the evidence.
//
// A process that exits without Close is reported as killed. This includes an exit by a
// SIGTERM that it does not handle. A process whose panic runs a deferred Close is not
// reported, unless Config.CrashOutput is set. In a folder shared by several hosts, and
// on Windows, a process counts as dead if it has not written for a while.
//
// # Idle CPU
//
// Goroutines that range over [time.Tick], tickers that are never stopped and timers
// that rearm themselves use CPU time when there is nothing to do, and more each day.
// [CPUFloor] and [WakeupFloor] are the usage that the quietest tenth of the last hour's
// minutes (Config.FloorWindow) stayed below. Load and jobs that leave some minutes alone
// do not move them. They come from getrusage(2) and from the number of times that the
// scheduler woke a goroutine, of which the runtime samples one in eight. The runtime's
// own CPU metrics are not used, because they change only at the end of a GC cycle.
//
// The rule 'idle-cpu' watches their trend and captures a CPU and a goroutine profile.
// In simulations with 100 more 10 Hz tickers every hour, it fired after 25 to 65
// hours, at 3 to 7% of a core, in services that are idle for some minutes of each hour
// or have a steady but noisy load. With the daily swing of office hours it fired after 5
// days, at 13%. At 60% of a core with 20% noise it took a week, and 19%. In 130
// series of 14 days of healthy services (swings, batch jobs, a cron job, garbage
// collection, warm-up, load that doubles for good) it was wrong in 2, both with a load
// that tripled in three roll-outs (TestIdleCPUFigures).
//
// Its limits: load that rises evenly for a day, including the night, looks the same as a
// leak. A rise that ends within a day is left to the rule 'goroutines', if goroutines
// are what rises. Timers without a goroutine, such as a [time.AfterFunc] that rearms
// itself, are found later, and the report names the function that uses the CPU but not
// how many timers there are. Start logs a warning if GODEBUG=asynctimerchan=1 is set,
// because tickers that are not stopped are then never collected.
//
// # Concurrency
//
// All methods of [Guard] may be called from any goroutine, on a nil Guard, and from
// code that the guard calls: a sink, OnPressure, a log handler.
//
// One goroutine takes the readings and makes the decisions. It never calls code of the
// program, so such code cannot delay it. [Guard.Snapshot] and [Guard.History] read what
// it has published and never wait for it. Code of the program runs elsewhere:
//
//   - One goroutine calls the Logger's handler, with one line at a time, from a queue
//     of 256 lines. If the queue is full, lines are dropped and counted
//     (Counters.DroppedLogLines).
//   - Each delivery to a [Sink] runs on its own goroutine, one per sink at a time.
//   - OnPressure runs on its own goroutine, one call at a time.
//
// Such code may block, panic, end its goroutine with [runtime.Goexit] or call the
// guard's methods. Readings and captures go on, and [Guard.Close] returns after
// Config.CloseTimeout at the latest, with an error that names what is still running.
//
// Evidence comes first. Each capture has its own goroutine, and its first file is on
// disk within 50 ms of the crossing if a processor is free, whatever else the guard is
// doing: a CPU profile of another incident, a census of a million goroutines, reports,
// or the work that earlier processes left. (With 5,000 goroutines it took 24 ms while a
// CPU profile ran, on a machine that was busy with other tests.) A second capture waits
// only while the limit is near, until the first one has its fresh heap profile.
//
// The guard keeps the goroutine above and, if there are sinks, one that records
// deliveries. Others exist only while there is work. Each capture has one. There is one
// each for baselines and censuses, for manifests and reports, for the work that earlier
// processes left, for an explanation, and for the log, and under pressure one for Relief
// and one for a forced GC. On Linux a thread waits for the CPU clock's signal, unless
// Config.PollOnly is set. [Guard.Close] ends them all.
//
// # Cost
//
// A look takes 8 to 15 µs and allocates nothing (BenchmarkLook). It takes a complete
// reading (BenchmarkReading), evaluates each rule, writes the reading to the black box
// (1.3 to 2 µs, BenchmarkRecord), and publishes the state (0.2 µs, BenchmarkPublish).
// For comparison, [runtime.ReadMemStats], which stops the world, took 42 µs. An idle
// process is woken once a second. A baseline forces a GC cycle: at Start, after 5 s, 20 s,
// 1, 5, 20 and 60 minutes, and then once an hour, or less often so that baselines take at
// most 0.1% of a core on average. A capture forces one if it would end in time.
// Config.NoForcedGC disables both. A baseline of goroutines alone forces none; it is taken
// when there are twice as many as in the last one, from 500 to 100,000 of them.
//
// The census reads the text form of the goroutines, which stops the world for 8 to 60 µs
// a goroutine, when their number has risen past 300 and once more shortly before 1,000, at
// most once an hour after that, and not if it would take more than 25 ms. Config.NoCensus
// disables that, too.
//
// # Platforms
//
//   - Linux: everything above, with cgroups of version 1 and 2.
//   - Other Unix systems: there is no cgroup and no /proc. The guard sees only the
//     memory that Go manages, and the only limits are Config.Limit and GOMEMLIMIT. CPU
//     time is available, and the guard polls it. Deaths are judged without the kernel's
//     counts of kills.
//   - Windows: like other Unix systems, but without SIGUSR1 for Config.CaptureOnSignal.
//     The store judges by age, not by a lock, which processes are alive.
//
// A quantity that is not available is [profile.Unknown], never 0.
package guard
