package guardtest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// descriptorCases open something. The failure must match want.
var descriptorCases = []struct {
	name string
	open func(*testing.T) []interface{ Close() error }
	want string // a regular expression
}{
	{"file", func(t *testing.T) []interface{ Close() error } {
		f, err := os.Create(filepath.Join(t.TempDir(), "left.txt"))
		check(t, err)
		return closers(f)
	}, `^guardtest: a descriptor opened in this test is still open: /.*/left\.txt\n`},
	{"pipe", func(t *testing.T) []interface{ Close() error } {
		r, w, err := os.Pipe()
		check(t, err)
		return closers(r, w)
	}, `^guardtest: 2 descriptors opened in this test are still open: a pipe, pipe:\[\d+\]\n`},
	{"listener", func(t *testing.T) []interface{ Close() error } {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		return closers(l)
	}, `TCP on 127\.0\.0\.1:\d+, listening\n`},
	{"connection", func(t *testing.T) []interface{ Close() error } {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		defer l.Close()
		c, err := net.Dial("tcp", l.Addr().String())
		check(t, err)
		peer, err := l.Accept()
		check(t, err)
		return closers(c, peer)
	}, `TCP from 127\.0\.0\.1:\d+ to 127\.0\.0\.1:\d+, established\n`},
	{"datagrams", func(t *testing.T) []interface{ Close() error } {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		check(t, err)
		return closers(c)
	}, `UDP from 127\.0\.0\.1:\d+ to 0\.0\.0\.0:0\n`},
	{"Unix socket", func(t *testing.T) []interface{ Close() error } {
		// Not in t.TempDir, because the path of a socket has at most 107 bytes.
		dir, err := os.MkdirTemp("", "guardtest")
		check(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		l, err := net.Listen("unix", filepath.Join(dir, "s"))
		check(t, err)
		return closers(l)
	}, `a Unix socket at /.*/s\n`},
}

func closers(c ...interface{ Close() error }) []interface{ Close() error } { return c }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoDescriptorLeakNamesWhatIsOpen(t *testing.T) {
	for _, c := range descriptorCases {
		t.Run(c.name, func(t *testing.T) {
			fake := &fakeT{name: t.Name()}
			NoDescriptorLeak(fake, Patience(0))
			open := c.open(t)
			got := fake.end()
			for _, o := range open {
				check(t, o.Close())
			}
			if !regexp.MustCompile(c.want).MatchString(got) {
				t.Errorf("got:\n%s\nwant a match of %s", got, c.want)
			}
			t.Logf("\n%s", got)
		})
	}
}

func TestNoDescriptorLeakPasses(t *testing.T) {
	for _, c := range descriptorCases {
		t.Run(c.name, func(t *testing.T) {
			// Descriptors that were open before, or are closed in time, do not count.
			for _, before := range c.open(t) {
				defer before.Close()
			}
			fake := &fakeT{name: t.Name()}
			NoDescriptorLeak(fake, Patience(30*time.Second))
			open := c.open(t)
			time.AfterFunc(20*time.Millisecond, func() {
				for _, o := range open {
					o.Close()
				}
			})
			if got := fake.end(); got != "" {
				t.Errorf("got:\n%s", got)
			}
		})
	}
}

func TestNoDescriptorLeakClosesIdleConnections(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	fake := &fakeT{name: t.Name()}
	NoDescriptorLeak(fake, Patience(30*time.Second))
	r, err := http.Get(server.URL)
	check(t, err)
	_, err = io.Copy(io.Discard, r.Body) // or the connection is not kept
	check(t, err)
	r.Body.Close()
	if got := fake.end(); got != "" {
		t.Errorf("got:\n%s", got)
	}
}

// A descriptor number that is now open on something else counts as new.
func TestNoDescriptorLeakSeesAReusedNumber(t *testing.T) {
	old, err := os.Open(os.DevNull)
	check(t, err)
	fake := &fakeT{name: t.Name()}
	NoDescriptorLeak(fake, Patience(0))
	number := int(old.Fd())
	check(t, old.Close())
	f, err := os.Create(filepath.Join(t.TempDir(), "left.txt"))
	check(t, err)
	defer f.Close()
	if int(f.Fd()) != number {
		check(t, syscall.Dup3(int(f.Fd()), number, syscall.O_CLOEXEC))
		defer syscall.Close(number)
	}
	if got := fake.end(); !strings.Contains(got, fmt.Sprintf("descriptor %d: ", number)) || !strings.Contains(got, "left.txt") {
		t.Errorf("got %q", got)
	}
}

func TestNoDescriptorLeakNamesTheLine(t *testing.T) {
	fullRate.acquire()
	defer fullRate.release()
	fake := &fakeT{name: t.Name()}
	NoDescriptorLeak(fake, Patience(0))
	f, err := openLeft(t)
	check(t, err)
	got := fake.end()
	check(t, f.Close())
	if !strings.Contains(got, "guardtest.openLeft (descriptors_linux_test.go:") {
		t.Errorf("got:\n%s", got)
	}
	t.Logf("\n%s", got)

	// What was opened without the os package has no line, and the failure says so.
	fake = &fakeT{name: t.Name()}
	NoDescriptorLeak(fake, Patience(0))
	fd, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	check(t, err)
	got = fake.end()
	check(t, syscall.Close(fd))
	if !strings.Contains(got, "nothing in os or net refers to them any more") {
		t.Errorf("got:\n%s", got)
	}
}

//go:noinline
func openLeft(t *testing.T) (*os.File, error) {
	return os.Create(filepath.Join(t.TempDir(), "left.txt"))
}

func TestNoDescriptorLeakIsInconclusiveInCompany(t *testing.T) {
	fake, other := &fakeT{name: t.Name()}, &fakeT{name: "TestOther"}
	NoDescriptorLeak(fake, Patience(0))
	VerifyNone(other)
	f, err := openLeft(t)
	check(t, err)
	defer f.Close()
	got := fake.end()
	other.end()
	if !strings.HasPrefix(got, "guardtest: inconclusive: a descriptor") || !strings.Contains(got, "TestOther used guardtest at the same time") {
		t.Errorf("got:\n%s", got)
	}
}

func TestFindSocket(t *testing.T) {
	const tcp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1
   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:C001 08 00000000:00000000 00:00000000 00000000     0        0 102 1
`
	if socketAddress("0100007F:0001") != "127.0.0.1:1" {
		return // a big-endian machine has different tables
	}
	for _, c := range []struct{ table, text, inode, want string }{
		{"tcp6", tcp6, "101", "TCP on [::1]:8080, listening"},
		{"tcp6", tcp6, "102", "TCP from 127.0.0.1:8080 to 127.0.0.1:49153, closed by the peer but not by this process (CLOSE_WAIT)"},
		{"tcp6", tcp6, "10", ""},
		{"unix", "Num RefCount Protocol Flags Type St Inode Path\n0: 2 0 0 1 3 77\n0: 2 0 0 1 3 78 @x\n", "77", "a Unix socket without a name"},
		{"unix", "Num RefCount Protocol Flags Type St Inode Path\n0: 2 0 0 1 3 77\n0: 2 0 0 1 3 78 @x\n", "78", "a Unix socket at @x"},
		{"udp", "", "1", ""},
	} {
		if got := findSocket(c.table, c.text, c.inode); got != c.want {
			t.Errorf("findSocket(%s, %s) = %q, want %q", c.table, c.inode, got, c.want)
		}
	}
}

func FuzzFindSocket(f *testing.F) {
	f.Add("tcp", "0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 101 1\n", "101")
	f.Add("unix", "0: 2 0 0 1 3 78 @x\n", "78")
	f.Fuzz(func(t *testing.T, table, text, inode string) {
		if s := findSocket(table, text, inode); s != "" && !strings.Contains(text, inode) {
			t.Errorf("found %q, which the table does not have", s)
		}
	})
}

// A file that was open before stays the same file under another name.
func TestNoDescriptorLeakOfARenamedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	check(t, err)
	defer f.Close()
	for _, change := range []func() error{
		func() error { return os.Rename(path, path+".1") },
		func() error { return os.Remove(path + ".1") },
	} {
		fake := &fakeT{name: t.Name()}
		NoDescriptorLeak(fake, Patience(0))
		check(t, change())
		if got := fake.end(); got != "" {
			t.Errorf("got:\n%s", got)
		}
	}
}
