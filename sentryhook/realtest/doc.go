// Package realtest tests sentryhook against real components: nginx in front of a
// server with Relay's limits, Spotlight as another reader of what is sent, and
// relays that fail in the usual ways. It has tests only.
//
// The tests need nginx in the PATH (Debian: apt-get install --no-install-recommends
// nginx), and the path of Spotlight's command in SENTRYHOOK_SPOTLIGHT (npm install
// @spotlightjs/spotlight hono@4.12.25). A test without its component is skipped, or
// fails if STRICT_CI is set to 1.
//
// By default only the smallest scene behind nginx runs. STRICT_CI=1 runs scenes that take
// 4 minutes together. SENTRYHOOK_SCENES=full runs all of them, which takes 15 minutes and
// 5 GB of memory.
package realtest
