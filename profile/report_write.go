package profile

import (
	"errors"
	"fmt"
	"io"
)

// WriteReport writes the report into the incident's folder in all its forms:
// [ReportText], [ReportMarkdown] and [ReportHTML]. Each is whole or absent; an error says
// which are absent.
func (f *Folder) WriteReport(r *Report) error {
	var errs []error
	for _, form := range []struct {
		name  string
		write func(io.Writer) error
	}{{ReportHTML, r.WriteHTML}, {ReportMarkdown, r.WriteMarkdown}, {ReportText, r.WriteText}} {
		if _, err := f.Write(form.name, form.write); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func failedReport(form string, err error) error {
	if err != nil {
		return fmt.Errorf("profile: write report as %s: %w", form, err)
	}
	return nil
}
