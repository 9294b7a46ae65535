// Package guardhttp serves a guard over HTTP.
//
//   - [Handler] serves a live page that says whether the service leaks, where, and
//     since when. It also serves the same data as a JSON API, the evidence for
//     download and for go tool pprof, and a button that captures profiles.
//   - [Ready] answers readiness probes, with 503 under memory pressure.
//
// Nothing is registered globally. Mount the page's handler behind authentication, as
// you would net/http/pprof: profiles reveal how a program works.
//
//	mux.Handle("/debug/leakguard/", auth(guardhttp.Handler(g, guardhttp.Config{})))
//
// # Mounting
//
// The handler may be mounted at any path that ends with a slash, with or without
// [http.StripPrefix], and behind a proxy that removes or adds a prefix. It uses only
// the end of the path, and the page uses only relative URLs.
//
// # API, version 1
//
// Fields may be added at any time. If a field changes or is removed, the path becomes
// api/v2. Times are in the format of RFC 3339, sizes in bytes, and unknown values null.
// Errors are a line of text.
//
//	GET  api/v1/state                    the state of the guard: status in a sentence, process, memory and its limit,
//	                                     division and verdict, last reading, rules with their last decisions, incidents,
//	                                     trends, goroutine sites, counters
//	GET  api/v1/history?since=T          up to 1500 readings for a chart, in columns; T in Unix seconds or RFC 3339
//	GET  api/v1/incidents                up to 64 open and stored incidents, newest first
//	GET  api/v1/incident/ID              one incident: its manifest, commands to run, available flame graphs
//	GET  api/v1/incident/ID/flame?file=F&base=B
//	                                     the tree of profile F, less profile B if it is given
//	GET  incident/ID/NAME                a file of an incident: heap.pb.gz, report.html, manifest.json, ...
//	GET  events                          server-sent events: JSON objects, first with all fields of api/v1/state and then
//	                                     with those that have changed, and 'points', the new readings as in history
//	GET  heap, goroutine                 a profile taken now, which is not saved: go tool pprof http://HOST/PATH/heap
//	POST capture                         a manual capture, with the header 'Leakguard: 1'; answers {"id": ID}
//
// # Flame graphs
//
// d3-flame-graph draws the trees that [diff.Compare] makes, as in reports. The web
// views of google/pprof's driver were rejected: they keep their settings in globals,
// write them to the user's home directory, run dot, list source files, and need inline
// scripts. Each incident shows the commands that open them on the reader's machine.
//
// # Security
//
// GET and HEAD change nothing. POST capture requires a header that no form can send. It
// is refused if the browser says that the request comes from a page of another origin.
// The handler's own pages have a content security policy that forbids anything inline.
// Saved reports contain scripts, so they are shown in a sandbox with an opaque origin.
// Names of incidents and files are checked against the names that the store writes, and
// opened below the store's folder without following links. Environment variables and
// arguments are never shown.
//
// Without authentication, anyone who can reach the port can read the page. So can any
// web page in the browser of such a person, by DNS rebinding. The same is true of
// net/http/pprof.
//
// # Cost
//
// Without viewers the handler has no goroutine and does not call the guard. With
// viewers, one goroutine makes each message once for all of them. 100 open pages with
// one update a second took 0.37% of a core (BenchmarkViewers, on two cores of a virtual
// machine). A viewer that is four messages behind is disconnected, and its browser
// reconnects. A page in the background disconnects.
//
// The handler serves up to 128 pages (Config.Viewers), 64 other requests, 8 downloads
// and one flame graph at a time. Further requests get 503 or 429 with Retry-After.
// Captures run one at a time, 10 s apart, and profiles for go tool pprof 2 s apart. A
// profile or flame graph that would need more than a quarter of the memory left to the
// limit is refused. A connection that reads or sends too slowly is closed. Set
// [http.Server.ReadHeaderTimeout] to limit the time for a request's header.
//
// [http.Server.Shutdown] does not wait for open pages.
//
// # Concurrency
//
// All handlers are safe for concurrent use and may be mounted several times.
package guardhttp
