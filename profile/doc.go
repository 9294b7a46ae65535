// Package profile owns the evidence of a leak and its data: what it is made of
// ([Kind], [incident.Reading], [incident.Manifest]), how it is taken, kept, compared and
// explained. When to take it is decided elsewhere.
//
// [incident.Reading.Division] divides the memory that the limit is about, [incident.Reading.Verdict]
// says in words what fills it: both are functions of readings alone.
//
// The way of the data:
//
//  1. Calm profiles are kept as baselines, [store.Store.WriteBaseline]: a ladder of
//     at most six of a kind, the first and the newest and, between them, ones
//     of about 1 h, 6 h and 24 h.
//  2. On a crossing a capture writes profiles into a new incident,
//     [store.Store.Create] and [store.Folder.Write]: each file is whole or absent, and safe
//     from the death of the process as soon as Write returns.
//  3. [store.Folder.Link] puts the baseline beside them that is older than the
//     growth, [store.Store.BaselineBefore].
//  4. [store.Folder.Sync] and then [store.Folder.WriteManifest] make the set safe from a
//     power cut, too, and say what it is.
//  5. [Read] takes a profile in, whoever wrote it, in bounded memory; [diff.Compare]
//     says what grew since the baseline, by place in the user's own code,
//     package and module, and who is suspect; [report.Explain] ranks the suspects of all
//     kinds and tells a cause from what grows with it. [report.Report.WriteText],
//     [report.Report.WriteMarkdown] and [report.Report.WriteHTML] put that in words and
//     pictures. [store.Store.Explain] and [store.Folder.WriteReport] do all of it for an
//     incident, [report.ExplainFolder] for a copy of one.
//  6. [store.Store.RecordDelivery] notes who has been told.
//  7. [store.Store.Prune] removes whole incidents to stay within bytes, number and
//     age. It keeps the newest, those that are open, and, as long as it can,
//     the first of a ramp.
//  8. The next run reads all of it, [store.Store.Incidents], also the incident in
//     which its predecessor died, and may add to it, [store.Store.Reopen].
//
// # The folder
//
// Everything lies under StoreConfig.Dir, for its owner alone: folders have mode
// 0700, files 0600. The store reads, counts and removes only names that it may
// have written itself; anything else stays, and no symbolic link is followed.
// What a killed process leaves half done has a temp name, and the next OpenStore
// or Prune of any process on the folder removes it. Who lives is told by a lock,
// flock(2), that the kernel drops with the process; where there is none (Windows,
// some network file systems) it is told by age: 10 minutes for an incident
// without a manifest, an hour for a temp file, 48 hours for baselines.
//
// # Concurrency
//
// A [store.Store] may be used by several goroutines, and its folder by several stores,
// also of several processes or containers. A [store.Folder] is for one goroutine at a
// time. Prune never removes an incident that somebody has open.
//
// # Cost
//
// A store holds three file descriptors, an open incident two. On a local disk
// Create takes about 50 µs, Write about 0.2 ms and 17 KB of memory besides what
// the profile itself needs, and 1.5 ms more for each MiB, hash included. A
// manifest with 64 readings is about 90 KB; writing it takes 0.5 MB of memory and
// 1.3 ms, of which the fsync is the part that varies most. Prune of 20 incidents
// that fit takes about 0.8 ms.
//
// Reading and comparing two heap profiles of 50,000 stacks takes 0.23 s and
// allocates 144 MiB, of 1,000 stacks 23 ms and 20 MiB; [budget.PredictCompare] says so
// before. Explaining takes 0.1 ms, the three forms of a report 5 ms. The libraries
// that draw in the HTML form are embedded, 65 KB of them. (The benchmarks of this package, on two cores of a
// virtual machine.)
package profile
