package pyrosink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leakguard/leakguard/guard/internal/fleet"
)

// span is the time that a profile of a single moment is said to cover: Pyroscope
// needs a start and an end.
const span = 10 * time.Second

// ownLabels are the labels that the sink sets itself.
var ownLabels = []string{"version", "host", "pod", "rule", "suspect", "incident", "phase"}

// name returns the application's name with its labels, as Pyroscope parses it.
func (s *Sink) name(in *fleet.Incident, baseline bool) string {
	m := &in.Manifest
	labels := maps.Clone(s.cfg.Labels)
	if labels == nil {
		labels = make(map[string]string)
	}
	phase := "incident"
	if baseline {
		phase = "baseline"
	}
	for i, value := range []string{m.Process.Version, m.Process.Host, m.Process.Pod, m.Rule, in.Suspect, m.ID, phase} {
		labels[ownLabels[i]] = value
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if value := labelValue(labels[name]); value != "" {
			list = append(list, name+"="+value)
		}
	}
	app := s.cfg.App
	if app == "" {
		app = m.Process.Service
	}
	return labelValue(app) + "{" + strings.Join(list, ",") + "}"
}

// labelValue removes characters that would end a label: names have no quoting.
func labelValue(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`{},="`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(text, "_"))
}

// post sends one profile.
func (s *Sink) post(ctx context.Context, in *fleet.Incident, p chosen) error {
	u := *s.ingest
	q := u.Query()
	q.Set("name", s.name(in, p.baseline))
	q.Set("from", strconv.FormatInt(in.Manifest.Opened.Add(-span).Unix(), 10))
	q.Set("until", strconv.FormatInt(in.Manifest.Opened.Unix(), 10))
	q.Set("format", "pprof")
	q.Set("spyName", "gospy")
	q.Set("sampleRate", "100")
	u.RawQuery = q.Encode()

	config, err := json.Marshal(sampleTypes[*p.file.Kind])
	if err != nil {
		return err
	}
	return fleet.Retry(ctx, func() error {
		f, err := os.OpenInRoot(in.Folder, p.file.Name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed, to make room for others
		}
		if err != nil {
			return fleet.Permanent(err)
		}
		defer f.Close()
		head, tail, contentType, err := form(config)
		if err != nil {
			return err
		}
		// Stream the body: a sink must not fill the memory itself.
		body := io.MultiReader(bytes.NewReader(head), io.LimitReader(f, p.file.Size), bytes.NewReader(tail))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), body)
		if err != nil {
			return fleet.Permanent(err)
		}
		for name, values := range s.cfg.Header {
			req.Header[name] = values
		}
		req.Header.Set("Content-Type", contentType)
		req.ContentLength = int64(len(head)) + p.file.Size + int64(len(tail))
		return s.send(req)
	})
}

// form returns the parts before and after the profile, in a form that holds the
// profile and the configuration of its columns.
func form(config []byte) (head, tail []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("sample_type_config", "sample_type_config.json")
	if err == nil {
		_, err = part.Write(config)
	}
	if err == nil {
		_, err = w.CreateFormFile("profile", "profile.pprof")
	}
	split := b.Len()
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, nil, "", err
	}
	return b.Bytes()[:split:split], b.Bytes()[split:], w.FormDataContentType(), nil
}

// mostAnswer bounds how much of a response is read.
const mostAnswer = 512

func (s *Sink) send(req *http.Request) error {
	res, err := s.cfg.Client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return fmt.Errorf("status %d: %s", code, bytes.TrimSpace(text))
	default:
		return fleet.Permanent(errors.Join(fmt.Errorf("status %d: %s", code, bytes.TrimSpace(text)), err))
	}
}
