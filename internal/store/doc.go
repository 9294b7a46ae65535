// Package store writes the folders of incidents: each file whole, all of them
// bounded, nothing outside the store's own folder.
//
// It decides neither when an incident opens nor what a profile means. Readers need
// only package incident.
//
//  1. [Open] checks who owns the folder, creates this process's ladder of baselines
//     and removes what dead processes left unfinished (store.go, sweep.go).
//  2. [Store.WriteBaseline] keeps a profile from calm times. A ladder has at most six
//     of a kind: the first, the newest, and others of about 1 h, 6 h and 24 h
//     (baseline.go).
//  3. [Store.Create] makes the folder of an incident (folder_open.go), and
//     [Folder.Write] writes files into it (folder.go). A file is whole or absent, and
//     survives the death of the process as soon as Write returns. [Folder.Link] adds
//     the baseline that is older than the growth; see [Store.BaselineBefore].
//  4. [Folder.Sync] and then [Folder.WriteManifest] make the set safe from a power cut.
//  5. [Store.RecordDelivery] records which sinks have accepted which events
//     (delivery.go).
//  6. [Store.Prune] removes whole incidents to stay within bytes, number and age
//     (prune.go). It keeps the newest, those that are open and, as long as it can, the
//     first of a ramp.
//  7. The next run reads it all ([Store.Incidents]), including the incident in which its
//     predecessor died, and may add to it ([Store.Reopen]).
//
// # The folder
//
// Folders have mode 0700, files 0600. The store reads, counts and removes only names
// that it may have written itself; it leaves everything else alone and follows no
// symbolic link. Unfinished files have temporary names, which the next Open or Prune
// of any process removes.
//
// A flock(2), which the kernel drops with the process, says which processes are
// alive. On file systems without locks (Windows, some network file systems) age
// decides: 10 minutes for an incident without a manifest, 1 hour for a temporary
// file, 48 hours for baselines.
//
// # Concurrency
//
// A [Store] may be used from several goroutines at once, and its folder by several
// stores, also of several processes or containers. A [Folder] is for one goroutine at
// a time. Prune never removes an incident that somebody has open.
//
// # Cost
//
// A store holds two file descriptors, an open incident two. On a local disk Create
// takes about 50 µs (BenchmarkCreate). Write takes about 0.2 ms and 17 KB of memory in
// addition to what the profile needs, plus 1.5 ms for each MiB, hash included
// (BenchmarkWrite). A manifest with 64 readings has about 90 KB; writing it takes
// 0.5 MB of memory and 1.3 ms, most of it the fsync (BenchmarkWriteManifest). Prune
// of 20 incidents that fit takes about 0.8 ms (BenchmarkPrune).
package store
