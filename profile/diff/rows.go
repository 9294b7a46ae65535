package diff

import (
	"cmp"
	"slices"

	"github.com/leakguard/leakguard/profile"
)

// rows fills the lists of the comparison. A row is a function rather than a
// line: when two lines of a function grow they mostly have one cause, and lines
// move between builds. The line shown is the one that grew most.
func (d *diff) rows() {
	list := func(of map[int32]*tally) []Row {
		rows := make([]Row, 0, len(of))
		for fn, t := range of {
			line, _ := largest(t.lines)
			rows = append(rows, Row{Frame: d.x.frame(fn, line), Value: t.value, Objects: t.objects})
		}
		return rows
	}
	sites := list(d.sites)
	packages := make(map[profile.Frame]*Row)
	merge := func(into map[profile.Frame]*Row, key profile.Frame, g Row) {
		row := into[key]
		if row == nil {
			row = &Row{Frame: key}
			into[key] = row
		}
		d.change(&row.Value, g.Value.Before, false)
		d.change(&row.Value, g.Value.After, true)
		d.change(&row.Objects, g.Objects.Before, false)
		d.change(&row.Objects, g.Objects.After, true)
	}
	for _, g := range sites {
		merge(packages, profile.Frame{Package: g.Frame.Package, Module: g.Frame.Module}, g)
	}
	flat := func(of map[profile.Frame]*Row) []Row {
		rows := make([]Row, 0, len(of))
		for _, g := range of {
			rows = append(rows, *g)
		}
		return rows
	}
	c := d.c
	c.Sites, c.Rest.Sites = d.top(sites)
	c.Functions, c.Rest.Functions = d.top(list(d.functions))
	c.Packages, c.Rest.Packages = d.top(flat(packages))
	c.Modules, c.Rest.Modules = d.top(flat(d.modules))
	c.Goroutines, c.Rest.Goroutines = d.goroutineRows()
}

// top sets the shares of the rows, sorts them and cuts the list.
func (d *diff) top(rows []Row) ([]Row, OmittedRows) {
	var grown float64
	for _, g := range rows {
		grown += float64(max(0, g.Value.Growth()))
	}
	for i, g := range rows {
		if n := g.Value.Growth(); n > 0 {
			rows[i].Share = min(1, float64(n)/grown)
		}
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(
			cmp.Compare(b.Value.Growth(), a.Value.Growth()),
			cmp.Compare(b.Value.After, a.Value.After),
			cmp.Compare(b.Objects.Growth(), a.Objects.Growth()),
			cmp.Compare(a.Frame.Function, b.Frame.Function),
			cmp.Compare(a.Frame.Package, b.Frame.Package),
			cmp.Compare(a.Frame.Module, b.Frame.Module),
		)
	})
	var rest OmittedRows
	if len(rows) > d.cfg.Rows {
		for _, g := range rows[d.cfg.Rows:] {
			rest.Rows++
			d.change(&rest.Value, g.Value.Before, false)
			d.change(&rest.Value, g.Value.After, true)
			d.change(&rest.Objects, g.Objects.Before, false)
			d.change(&rest.Objects, g.Objects.After, true)
		}
		rows = slices.Clone(rows[:d.cfg.Rows])
	}
	return rows, rest
}
