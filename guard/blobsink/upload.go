package blobsink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gocloud.dev/blob"

	"github.com/leakguard/leakguard/guard/internal/fleet"
	"github.com/leakguard/leakguard/profile"
)

// upload uploads the files that are not there yet, and the manifest last.
func (s *Sink) upload(ctx context.Context, in *fleet.Incident, p *place) error {
	for _, a := range in.Files {
		if size, ok := p.uploaded[a.Name]; ok && size == a.Size {
			continue
		}
		if p.bytes+a.Size > s.cfg.MaxBytes {
			s.cfg.Logger.Warn("leakguard: skipped a file of an incident: it would exceed MaxBytes",
				"incident", in.Manifest.ID, "file", a.Name, "size", profile.Bytes(a.Size).String(), "uploaded", profile.Bytes(p.bytes).String())
			p.uploaded[a.Name] = a.Size // log it only once
			continue
		}
		err := s.put(ctx, in.Folder, p.prefix, a.Name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, to make room for others
		}
		if err != nil {
			return fmt.Errorf("blobsink: incident %s: upload %s: %w", in.Manifest.ID, a.Name, err)
		}
		p.uploaded[a.Name] = a.Size
		p.bytes += a.Size
	}
	if err := s.put(ctx, in.Folder, p.prefix, "manifest.json"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("blobsink: incident %s: upload manifest.json: %w", in.Manifest.ID, err)
	}
	return nil
}

// put uploads one file as one object.
func (s *Sink) put(ctx context.Context, folder, prefix, name string) error {
	return fleet.Retry(ctx, func() error {
		f, err := os.OpenInRoot(folder, name)
		if err != nil {
			return fleet.Permanent(err)
		}
		defer f.Close()
		return curable(s.bucket.Upload(ctx, prefix+name, f, &blob.WriterOptions{ContentType: contentType(name)}))
	})
}

func contentType(name string) string {
	switch filepath.Ext(name) {
	case ".txt", ".md":
		return "text/plain; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".json":
		return "application/json"
	}
	return "application/octet-stream" // profiles: no Content-Encoding, because pprof wants the gzip as it is
}
