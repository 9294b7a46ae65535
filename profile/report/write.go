package report

import (
	"errors"
	"fmt"
	"io"

	"github.com/leakguard/leakguard/profile/incident"
)

// WriteForms writes all renderings of the report. It calls write with the name
// of each file, [incident.ReportHTML], [incident.ReportMarkdown] and last
// [incident.ReportText], and with a function that writes its content. It
// continues after an error and returns all errors joined.
func (r *Report) WriteForms(write func(name string, form func(io.Writer) error) error) error {
	var errs []error
	for _, form := range []struct {
		name  string
		write func(io.Writer) error
	}{{incident.ReportHTML, r.WriteHTML}, {incident.ReportMarkdown, r.WriteMarkdown}, {incident.ReportText, r.WriteText}} {
		if err := write(form.name, form.write); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func failedReport(form string, err error) error {
	if err != nil {
		return fmt.Errorf("report: write the report as %s: %w", form, err)
	}
	return nil
}
