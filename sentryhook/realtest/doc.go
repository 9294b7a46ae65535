// Package realtest tests sentryhook against real components: nginx in front of a
// server with Relay's limits, Spotlight as another reader of what is sent, and
// relays that fail in the ways in which relays fail. It has tests only.
//
// What they need: nginx in the PATH (Debian: apt-get install
// --no-install-recommends nginx), and SENTRYHOOK_SPOTLIGHT with the path of
// Spotlight's command (npm install @spotlightjs/spotlight hono@4.12.25). A test
// that lacks its component is skipped, or fails with STRICT_CI=1.
//
// Of the scenes behind nginx the smallest runs by default. With STRICT_CI=1 those
// run that take 4 minutes together, and with SENTRYHOOK_SCENES=full all of them,
// which takes 15 minutes and 5 GB of memory.
package realtest
