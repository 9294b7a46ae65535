package guard

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/blackbox"
)

// Kubernetes' groups have paths longer than what the box keeps: the next process in
// the very same group is to know it all the same.
func TestSameGroupByALongPath(t *testing.T) {
	group := "/kubepods.slice/kubepods-burstable.slice/" + strings.Repeat("pod", 60) + "/app"
	root := fakeKernel(t)
	write(t, root, map[string]string{
		"proc/self/cgroup":                          "0::" + group + "\n",
		"sys/fs/cgroup" + group + "/memory.max":     "536870912\n",
		"sys/fs/cgroup" + group + "/memory.current": "52428800\n",
		"sys/fs/cgroup" + group + "/memory.stat":    "anon 52428800\nfile 0\ninactive_file 0\nactive_file 0\n",
	})
	s, _ := openSource(t, root, 0)
	dir := t.TempDir()
	l := &loop{source: s, log: slog.New(slog.DiscardHandler), counters: new(counters), once: new(onces), started: time.Now()}
	r := l.openRecorder(dir, root)
	if r == nil {
		t.Fatal("no black box")
	}
	t.Cleanup(func() { r.close() })
	boxes, err := filepath.Glob(filepath.Join(dir, "blackbox-*"))
	if err != nil || len(boxes) != 1 {
		t.Fatalf("got the boxes %q, %v", boxes, err)
	}
	data, err := os.ReadFile(boxes[0])
	if err != nil {
		t.Fatal(err)
	}
	record, err := blackbox.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	if h, here := record.Header, l.hereNow().Header; h.Group == "" || h.Group != here.Group || h.GroupID == "" || h.GroupID != here.GroupID {
		t.Errorf("the box has group %q (%s), this process is in %q (%s)", h.Group, h.GroupID, here.Group, here.GroupID)
	}
}

// The dead are looked for twice: what is still too young to tell then is alive, and
// to look for as long as others live would read their boxes for ever.
func TestTheDeadAreLookedForTwice(t *testing.T) {
	s, _ := openSource(t, fakeKernel(t), 0)
	l := &loop{source: s, keeper: testKeeper(""), observer: newObserver()}
	// Its worker is busy, so that what is queued can be counted.
	release := make(chan struct{})
	l.keeper.do(func() { <-release })
	t.Cleanup(func() { close(release) })
	queued := func() int {
		l.keeper.slow.mu.Lock()
		defer l.keeper.slow.mu.Unlock()
		return len(l.keeper.slow.queue)
	}
	waitFor(t, "the worker to be busy", func() bool { return queued() == 0 })
	young := deathsFound{again: time.Second}
	l.deathsFound(young)
	l.view.at = time.Second
	l.tellDeaths()
	if queued() != 1 {
		t.Fatal("they were not looked for again")
	}
	l.deathsFound(young)
	if l.nextDeaths != 0 {
		t.Error("they are to be looked for a third time")
	}
}
