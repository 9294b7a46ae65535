// Package guardhttp serves a guard over HTTP.
//
//   - [Handler] is a page that says whether the service leaks, where and since
//     when, live; the same as a JSON API; the evidence to look at, to download, and
//     for go tool pprof; and a button that captures.
//   - [Ready] answers readiness probes, with 503 under memory pressure.
//
// Handlers are values to put where you like: nothing is registered anywhere. Put
// that of the page behind your own authentication, as you would with
// net/http/pprof: profiles tell how a program is made.
//
//	mux.Handle("/debug/leakguard/", auth(guardhttp.Handler(g, guardhttp.Config{})))
//
// # Where it may be mounted
//
// Under any path that ends with a slash, with http.StripPrefix or without, and
// behind a proxy that cuts or adds a prefix: the handler looks at the end of the
// path only, and the page names everything relative to itself.
//
// # API, version 1
//
// A field may be added any time; what changes or goes makes it api/v2. Times are
// RFC 3339, amounts are bytes, what is not known is null. Errors are a line of
// text.
//
//	GET  api/v1/state                    how the guard stands: status in a sentence, process, memory against its limit,
//	                                     division and verdict, last reading, rules with their last decision, incidents,
//	                                     trends, goroutine sites, counters
//	GET  api/v1/history?since=T          readings for a chart, in columns, 1500 at most; T in Unix seconds or RFC 3339
//	GET  api/v1/incidents                what is open and what is kept, newest first, 64 at most
//	GET  api/v1/incident/ID              one of them: its manifest, commands to type, what can be drawn
//	GET  api/v1/incident/ID/flame?file=F&base=B
//	                                     the tree of profile F, less profile B if it is given
//	GET  incident/ID/NAME                a file of it: heap.pb.gz, report.html, manifest.json, ...
//	GET  events                          server-sent events: JSON objects with those fields of api/v1/state that have
//	                                     changed, all of them first, and 'points', the new readings as in history
//	GET  heap, goroutine                 a profile of this moment, which is kept nowhere: go tool pprof http://HOST/PATH/heap
//	POST capture                         a capture by hand, with the header 'Leakguard: 1'; answers {"id": ID}
//
// # Flame graphs
//
// They are drawn by d3-flame-graph from trees that [diff.Compare] makes, which
// is what draws them in reports. The web views of google/pprof's driver were the
// alternative: they keep their settings in globals, write them to the user's
// home, run dot, list sources from disk, and need inline scripts. The commands for
// go tool pprof beside each incident lead to them on the reader's machine.
//
// # Safety
//
// GET and HEAD change nothing. POST capture needs a header that no form can send,
// and is refused where the browser says that a page of another origin asks. Our own
// pages have a content security policy without anything inline; saved reports,
// which bring their own scripts, are shown in a sandbox with an origin of its own.
// What names an incident or a file is checked against the grammar of names that
// the store writes, and opened below the store's folder without following links.
// Nothing shows environment variables or arguments. Without authentication,
// whoever reaches the port can read it; so can any web page in the browser of
// somebody who does, once its name points there (DNS rebinding), as with
// net/http/pprof.
//
// # Cost
//
// While nobody looks the handler has no goroutine and asks the guard nothing.
// While somebody does, one goroutine makes each message once for all of them; 100
// open pages at an update a second took 0.37% of a core (BenchmarkViewers, on two
// cores of a virtual machine). Who does not take four messages in time is dropped,
// and a browser comes back by itself; a page in the background disconnects. At
// most 128 pages are served (Config.Viewers), 64 other requests, 8 downloads and
// one flame graph at a time; what is beyond is answered 503 or 429 with
// Retry-After. Captures go one at a time, 10 s apart, profiles for go tool pprof
// 2 s apart. A profile or flame graph that would need more than a quarter of the
// memory left to the limit is refused. A connection that is read or sends too
// slowly is cut; how long the header of a request may take is for the server to
// say, http.Server.ReadHeaderTimeout.
//
// A server that is shut down with http.Server.Shutdown does not wait for open
// pages.
//
// # Concurrency
//
// All handlers may be used by any number of requests, and mounted several times.
package guardhttp
