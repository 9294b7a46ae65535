package blackbox

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLogOfDeaths(t *testing.T) {
	needLocks(t)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for range 2 { // a death is counted once
				if _, err := Log(dir, Death{ID: fmt.Sprint(i), Time: started.Add(time.Duration(i) * time.Second), Cause: "oom-kill", Service: "shop"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f, err := os.OpenFile(filepath.Join(dir, deathsName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "{\"id\":\n\x00\n{}\n")
	f.Close()
	all, err := Log(dir, Death{ID: "last", Time: started.Add(time.Hour)})
	if err != nil || len(all) != 21 || all[0].ID != "0" || all[20].ID != "last" {
		t.Errorf("%d deaths, %v: %+v", len(all), err, all)
	}
	{
		all = all[:0]
		for i := range mostDeaths + 5 {
			all = append(all, Death{ID: fmt.Sprint("more", i), Time: started.Add(2*time.Hour + time.Duration(i))})
		}
		var text []byte
		for _, d := range all {
			line, _ := json.Marshal(d)
			text = append(append(text, line...), '\n')
		}
		if err := os.WriteFile(filepath.Join(dir, deathsName), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err = Log(dir, Death{ID: "newest", Time: started.Add(3 * time.Hour)})
	if err != nil || len(all) != mostDeaths || all[mostDeaths-1].ID != "newest" {
		t.Errorf("%d deaths of %d, %v", len(all), mostDeaths, err)
	}
}

// A log that somebody else wrote is bounded while it is parsed.
func TestDeathsBombs(t *testing.T) {
	line := `{"id":"%d","time":"2026-11-20T10:15:30Z"}` + "\n"
	var many strings.Builder
	for i := 0; many.Len() < mostDeathBytes; i++ {
		fmt.Fprintf(&many, line, i)
	}
	long := fmt.Sprintf(`{"id":"a","time":"2026-11-20T10:15:30Z","cause":%q,"service":%[1]q}`, strings.Repeat("<", mostDeathBytes/3))
	for name, text := range map[string]string{"many": many.String(), "long": long, "nested": strings.Repeat("[", mostDeathBytes), "empty": strings.Repeat("{}\n", mostDeathBytes/3)} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		all := parseDeaths([]byte(text))
		runtime.ReadMemStats(&after)
		kept := 0
		for _, d := range all {
			kept += len(d.ID) + len(d.Cause) + len(d.Service)
		}
		if len(all) > mostDeaths || kept > len(all)*100 && kept > 4<<10 {
			t.Errorf("%s: %d deaths with %d bytes of text", name, len(all), kept)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%s: parsing it allocates %d MiB", name, took>>20)
		}
	}
	if all := parseDeaths([]byte(many.String())); len(all) != mostDeaths || !strings.Contains(many.String()[many.Len()-60:], `"`+all[mostDeaths-1].ID+`"`) {
		t.Errorf("%d deaths are kept, want the last %d", len(all), mostDeaths)
	}
}

func FuzzDeaths(f *testing.F) {
	f.Add([]byte(`{"id":"a","time":"2026-11-20T10:15:30Z","cause":"panic","service":"shop"}` + "\n"))
	f.Add([]byte("\n{\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range parseDeaths(data) {
			if d.ID == "" || d.Time.IsZero() {
				t.Errorf("%+v", d)
			}
		}
	})
}
