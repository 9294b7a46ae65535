package trend

import "time"

const (
	oneDay  = 24 * time.Hour
	oneWeek = 7 * oneDay
)

// window is a stretch of time that ends now, divided into blocks.
type window struct {
	width  time.Duration
	blocks int
}

func (w window) span() time.Duration { return w.width * time.Duration(w.blocks) }

// windows are the stretches that Judge tries. The longest comes first because it
// has the most evidence.
var windows = []window{
	{12 * time.Hour, 56}, {8 * time.Hour, 63}, {6 * time.Hour, 56}, {4 * time.Hour, 60}, // 28, 21, 14, 10 days
	{3 * time.Hour, 56}, {2 * time.Hour, 60}, // 7, 5 days
	{time.Hour, 72}, {time.Hour, 60}, {time.Hour, 48}, {time.Hour, 36}, // 72, 60, 48, 36 hours
	{30 * time.Minute, 60}, {30 * time.Minute, 48}, {30 * time.Minute, 44}, // 30, 24, 22 hours
	{20 * time.Minute, 36}, {10 * time.Minute, 48}, {10 * time.Minute, 36}, // 12, 8, 6 hours
	{5 * time.Minute, 48}, {5 * time.Minute, 24}, {2 * time.Minute, 30}, // 4, 2, 1 hours
}

// The thresholds of the tests. They were tuned on the scenarios of seeds 1 and 2.
// The package's documentation has the figures for another seed.
const (
	minConfidence   = 0.57           // for Leaking; noise passes a test narrowly at times
	minLeak         = 22 * time.Hour // a morning's rise and the filling of a cache have ended by then
	short           = 48 * time.Hour // shorter windows see each time of day at most once and must pass stricter tests
	minSignificance = 3.3            // standard deviations
	minGrowth       = 0.03           // of the level; less is not a problem yet
	minSpreads      = 2.5            // growth, in spreads around the line
	minSpreadsShort = 4              // the same in a short window
	minRise         = 0.4            // smallest quarter's rise over the mean of the quarters
	minRiseShort    = 0.5            // the same in a window below 36 h
	minRanges       = 1.5            // growth in a short window over the range before it
	minWithin       = 0.35           // slope within levels over the slope across them
	minAbove        = 0.5            // growth since the same time one period ago over what the line predicts
	maxConcave      = 0.7            // residual of a saturating curve over that of a line; less means that the curve explains more
	minBeside       = 0.4            // slope beside such a curve over the slope of the line
	minThroughout   = 0.75           // low quantile of the growth in a period over its median
	minKept         = 0.6            // growth in the second half of a period over that in the first
	minBefore       = 0.2            // growth one period earlier over that in the last period
	maxSeasonal     = 0.5            // noise of the differences over the residual of the levels
)
