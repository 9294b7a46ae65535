// Package trend says whether a quantity that was sampled over hours and days is
// calm, growing or leaking.
package trend
