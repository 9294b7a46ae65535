package census

import (
	"cmp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/bounded"
	"github.com/leakguard/leakguard/internal/frames"
)

const (
	// maxCreators bounds the sites whose creator is kept, and fewGoroutines is up to how
	// many goroutines a site is not worth it.
	maxCreators   = 64
	fewGoroutines = 3
	// textBytes is what a goroutine takes in the text at most; longer ones displace others.
	textBytes = 2 << 10
	// longestPause is for how long a text may stop the world, judged by the one before.
	longestPause = 25 * time.Millisecond
)

// Creators knows which functions start the goroutines of the largest sites. Only the text
// form of the goroutines says so, and that stops the world while it is written; see
// [Moment]. It must be used by one goroutine at a time.
type Creators struct {
	known map[createdSite]frames.Frame
	took  time.Duration // of the last text
	of    int           // goroutines in it
}

// createdSite identifies a site in the text, which has no lines of code for it.
type createdSite struct{ function, root string }

func siteInText(k Key) createdSite {
	return createdSite{frames.WithoutTypes(k.Function), frames.WithoutTypes(k.Root)}
}

// Pause returns for how long reading the text of that many goroutines will stop the world,
// judged by the last one, and whether that is too long. It is 0 before the first.
func (c *Creators) Pause(goroutines int) (pause time.Duration, tooLong bool) {
	if c.of > 0 {
		pause = c.took * time.Duration(goroutines) / time.Duration(c.of)
	}
	return pause, pause > longestPause
}

// Read reads the text form of the goroutines, of which there are about that many, and
// keeps the creators of these sites. It stops the world for 8 µs a goroutine with a short
// stack, 60 µs with one of 30 frames (BenchmarkCreators, on a busy machine).
func (c *Creators) Read(groups []Group, goroutines int) {
	buf := make([]byte, 64<<10+textBytes*goroutines)
	start := time.Now()
	n := runtime.Stack(buf, true)
	c.took, c.of = time.Since(start), max(goroutines, 1)
	c.learn(groups, string(buf[:n]))
}

// learn keeps the creators of the sites, as the text has them. Of several, it keeps the one
// that started most. What it knew of other sites stays while there is room.
func (c *Creators) learn(groups []Group, text string) {
	groups = slices.Clone(groups)
	slices.SortFunc(groups, func(a, b Group) int { return cmp.Or(cmp.Compare(b.Count, a.Count), a.compare(b.Key)) })
	wanted := make(map[string][]createdSite) // by function
	counts := make(map[createdSite]map[frames.Frame]int)
	for _, g := range groups {
		key := siteInText(g.Key)
		if g.Count <= fewGoroutines || counts[key] != nil || len(counts) == maxCreators {
			continue
		}
		wanted[key.function] = append(wanted[key.function], key)
		counts[key] = make(map[frames.Frame]int)
	}
	for _, g := range frames.ParseText(text, maxText, maxTextDepth) {
		if g.Creator == "" {
			continue
		}
		by := frames.Frame{Function: g.Creator, File: g.CreatedAt}
		for i, f := range g.Functions {
			if slices.Index(g.Functions, f) != i {
				continue // recursion
			}
			for _, key := range wanted[f] {
				if key.root == "" || slices.Contains(g.Functions, key.root) {
					counts[key][by]++
				}
			}
		}
	}
	old := c.known
	c.known = make(map[createdSite]frames.Frame, maxCreators)
	for key, creators := range counts {
		if by, ok := mostOf(creators); ok {
			c.known[key] = by
		}
	}
	for key, by := range old {
		if _, ok := c.known[key]; !ok && len(c.known) < maxCreators {
			c.known[key] = by
		}
	}
}

// mostOf returns the creator of most, with file and line apart. It shares no memory with
// the text.
func mostOf(creators map[frames.Frame]int) (most frames.Frame, ok bool) {
	for by, n := range creators {
		if m := creators[most]; !ok || n > m || n == m && by.Function+by.File < most.Function+most.File {
			most, ok = by, true
		}
	}
	if !ok {
		return most, false
	}
	file, line := most.File, 0
	if i := strings.LastIndexByte(file, ':'); i >= 0 {
		for _, digit := range file[i+1:] {
			if line = 10*line + int(digit-'0'); digit < '0' || digit > '9' || line > 1<<30 {
				line = 0
				break
			}
		}
		file = file[:i]
	}
	return frames.Frame{Function: strings.Clone(bounded.Text(most.Function)), File: strings.Clone(bounded.Text(file)), Line: line}, true
}

// Of returns the function that starts the goroutines of a site, or the zero Frame if it is
// not known.
func (c *Creators) Of(k Key) frames.Frame { return c.known[siteInText(k)] }

// Name sets CreatedBy of the sites whose creator is known.
func (c *Creators) Name(sites []Site) {
	for i := range sites {
		sites[i].CreatedBy = c.Of(sites[i].Key)
	}
}

const (
	// maxText is a goroutine more than anybody reads the text of.
	maxText = mostInText + spare
	// maxTextDepth is more than the runtime writes of a stack.
	maxTextDepth = 128
)

// The numbers of goroutines at which the text is read.
const (
	firstInText = 300
	lastInText  = 900
	mostInText  = 1000
	// leastJump is how many goroutines there must be if their number is about to jump past
	// mostInText.
	leastJump = 50
	// textAgain is the least time between two texts at the last moment.
	textAgain = time.Hour
)

// Moment chooses when to read the text form of the goroutines: when their number has risen
// past 300, and again at the last moment below 1,000, where it becomes unaffordable. A leak
// that passes 1,000 is then known by its creator, too.
type Moment struct {
	early, late bool
	lateAt      time.Duration
	read        int64 // the goroutines in the last text
	fell        bool  // their number has fallen since by a third
	last        int64
	lastAt      time.Duration
}

// Due reports whether the text is to be read now. at is the time of a reading, and next is
// the time to the next one. Call [Moment.Read] when it has been read.
func (m *Moment) Due(at time.Duration, goroutines int64, next time.Duration) bool {
	soon := goroutines
	if rise, took := goroutines-m.last, at-m.lastAt; rise > 0 && took > 0 && m.last > 0 {
		soon += int64(float64(rise) * float64(next) / float64(took))
	}
	m.last, m.lastAt = goroutines, at
	m.fell = m.fell || goroutines <= m.read*2/3
	jumps := goroutines >= leastJump && soon >= mostInText
	switch {
	case goroutines >= mostInText || goroutines < firstInText && !jumps:
		return false
	case !m.early:
		return true
	case !jumps && goroutines < lastInText, m.late && at-m.lateAt < textAgain:
		return false
	}
	return m.fell || !m.late && goroutines >= m.read+m.read/10
}

// Read says that the text was read, or is not going to be.
func (m *Moment) Read(at time.Duration, goroutines int64) {
	if m.early {
		m.late, m.lateAt = true, at
	}
	m.early, m.read, m.fell = true, goroutines, false
}
