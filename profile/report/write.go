package report

import (
	"errors"
	"fmt"
	"io"

	"github.com/leakguard/leakguard/profile/incident"
)

// WriteForms has all forms of the report written: write is called with the name of
// each file ([incident.ReportHTML], [incident.ReportMarkdown], and last [incident.ReportText]) and with what
// writes its content. It goes on after an error; the errors are joined.
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
		return fmt.Errorf("report: write report as %s: %w", form, err)
	}
	return nil
}
