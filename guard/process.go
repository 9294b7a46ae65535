package guard

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

func buildInfo() incident.Build {
	b := incident.Build{GoVersion: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Path, b.Module, b.Version = info.Path, info.Main.Path, info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func processInfo(cfg Config, started time.Time) incident.Process {
	host, _ := os.Hostname()
	p := incident.Process{
		Service: cfg.Service, Version: cfg.Version, Host: host, PID: os.Getpid(),
		Started: started, GOMAXPROCS: runtime.GOMAXPROCS(0),
	}
	// In Kubernetes a pod's host name is its name.
	if _, err := os.Stat("/var/run/secrets/kubernetes.io"); err == nil || !errors.Is(err, fs.ErrNotExist) && os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		p.Pod = host
	}
	if p.Version == "" {
		if info, ok := debug.ReadBuildInfo(); ok {
			p.Version = strings.TrimSuffix(info.Main.Version, "(devel)")
		}
	}
	return p
}
