package guard

import (
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// The files of both versions come to the same division; Go's parts are this
// process's own, and shrink to what the files say is resident.
func TestSourceDivides(t *testing.T) {
	stat := "anon 104857600\nfile 83886080\nkernel 8388608\nsock 1048576\nshmem 20971520\nfile_dirty 4194304\nfile_writeback 2097152\n" +
		"inactive_file 31457280\nactive_file 20971520\nunevictable 10485760\nslab_reclaimable 4194304\nslab 5242880\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  incident.Division
	}{
		"v2": {
			map[string]string{"sys/fs/cgroup/memory.current": "200278016\n", "sys/fs/cgroup/memory.stat": stat},
			incident.Division{Shmem: 20 * mib, Locked: 10 * mib, Kernel: 5 * mib, KernelCache: 4 * mib, Dirty: 6 * mib, FileCache: 44 * mib, Unattributed: 2 * mib},
		},
		"v2 before Linux 5.18": {
			map[string]string{
				"sys/fs/cgroup/memory.current": "200278016\n",
				"sys/fs/cgroup/memory.stat": "anon 104857600\nfile 83886080\nkernel_stack 1048576\npagetables 1048576\npercpu 1048576\nsock 1048576\nshmem 20971520\nfile_dirty 4194304\n" +
					"file_writeback 2097152\ninactive_file 31457280\nactive_file 20971520\nunevictable 10485760\nslab_reclaimable 4194304\nslab_unreclaimable 1048576\nslab 5242880\n",
			},
			incident.Division{Shmem: 20 * mib, Locked: 10 * mib, Kernel: 5 * mib, KernelCache: 4 * mib, Dirty: 6 * mib, FileCache: 44 * mib, Unattributed: 2 * mib},
		},
		"v1": {
			with(v1, map[string]string{
				"sys/fs/cgroup/memory/memory.usage_in_bytes":      "200278016\n",
				"sys/fs/cgroup/memory/memory.kmem.usage_in_bytes": "9437184\n",
				"sys/fs/cgroup/memory/memory.stat": "cache 1\nrss 1\ntotal_cache 83886080\ntotal_rss 104857600\ntotal_shmem 20971520\ntotal_dirty 4194304\n" +
					"total_writeback 2097152\ntotal_inactive_file 31457280\ntotal_active_file 20971520\ntotal_unevictable 10485760\n",
			}),
			incident.Division{Shmem: 20 * mib, Locked: 10 * mib, Kernel: 8 * mib, KernelCache: 1 * mib, Dirty: 6 * mib, FileCache: 44 * mib, Unattributed: 2 * mib},
		},
		"v1 that does not account the kernel's memory": {
			with(v1, map[string]string{
				"sys/fs/cgroup/memory/memory.usage_in_bytes": "200278016\n",
				"sys/fs/cgroup/memory/memory.stat": "total_cache 83886080\ntotal_rss 104857600\ntotal_shmem 20971520\ntotal_dirty 4194304\n" +
					"total_writeback 2097152\ntotal_inactive_file 31457280\ntotal_active_file 20971520\ntotal_unevictable 10485760\n",
			}),
			incident.Division{Shmem: 20 * mib, Locked: 10 * mib, Dirty: 6 * mib, FileCache: 44 * mib, Unattributed: 11 * mib},
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := fakeKernel(t)
			write(t, root, test.files)
			s, told := openSource(t, root, 0)
			var r incident.Reading
			s.read(time.Now(), &r)
			d := r.Division()
			own := d.GoLive + d.GoGarbage + d.GoStacks + d.GoRuntime + d.NonGo
			if own != r.RSSAnon || own+d.OtherProcesses != 100*mib || d.GoLive+d.GoGarbage == 0 || d.GoRuntime == 0 {
				t.Errorf("anonymous memory: %+v", d)
			}
			sum := profile.Bytes(0)
			for _, p := range d.Parts() {
				sum += p.Bytes
			}
			if sum != r.CgroupUsage {
				t.Errorf("parts of %v, usage %v", sum, r.CgroupUsage)
			}
			test.want.Total, test.want.Cgroup, test.want.OtherProcesses = 191*mib, true, d.OtherProcesses
			test.want.GoLive, test.want.GoGarbage, test.want.GoStacks, test.want.GoRuntime, test.want.NonGo = d.GoLive, d.GoGarbage, d.GoStacks, d.GoRuntime, d.NonGo
			if d != test.want {
				t.Errorf("got  %+v\nwant %+v", d, test.want)
			}
			if must := d.Total - d.FileCache - d.Dirty - d.KernelCache; r.Unreclaimable != must {
				t.Errorf("unreclaimable %v, the parts that must stay have %v", r.Unreclaimable, must)
			}
			if len(*told) > 0 {
				t.Errorf("told %q", *told)
			}
		})
	}
}

// with lays files over others.
func with(files, over map[string]string) map[string]string {
	all := make(map[string]string)
	for _, m := range []map[string]string{files, over} {
		for name, text := range m {
			all[name] = text
		}
	}
	return all
}

// What filled the memory is in the incident, its manifest, its report and the log.
func TestIncidentHasVerdict(t *testing.T) {
	root := fakeKernel(t)
	write(t, root, map[string]string{
		"sys/fs/cgroup/memory.current": "499122176\n",
		"sys/fs/cgroup/memory.stat":    "anon 104857600\nfile 393216000\nkernel 1048576\nsock 0\nshmem 393216000\nfile_dirty 0\nfile_writeback 0\ninactive_file 0\nactive_file 0\nunevictable 0\n",
	})
	box := newMailbox("box")
	g, book := startUnchecked(t, root, Config{Sinks: []Sink{box}, Rules: DefaultRules(Limits{Kill: 512 * mib, KillSource: "cgroup v2"})})
	const want = "tmpfs holds 375.0 MiB of 512.0 MiB; it counts like heap"
	i := box.next(t, Opened).Incident
	if i.Verdict.Class != incident.VerdictTmpfs || i.Verdict.Text != want || i.Rule != "memory" {
		t.Errorf("rule %s, verdict %+v", i.Rule, i.Verdict)
	}
	box.next(t, Captured)
	m, err := g.Store().Incident(i.ID)
	if err != nil || m.Verdict != i.Verdict {
		t.Errorf("manifest: %+v, %v", m.Verdict, err)
	}
	if redelivered := incidentOf(m, ""); redelivered.Verdict != i.Verdict {
		t.Errorf("redelivered: %+v", redelivered.Verdict)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if lines := book.loud("incident=" + i.ID); len(lines) == 0 || !strings.Contains(lines[0], "verdict="+want) {
		t.Errorf("log: %q", lines)
	}
}
