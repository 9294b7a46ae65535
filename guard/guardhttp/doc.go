// Package guardhttp serves a guard.
package guardhttp
