package graph

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"github.com/weftmesh/weft/mesh"
)

// Sizes in pixels.
const (
	margin         = 24
	functionHeight = 48
	triggerHeight  = 28
	bendHeight     = 10
	nodeGap        = 22
	layerGap       = 72
	edgeGap        = 20 // between edges that join the same two nodes
	tipLength      = 12
	nameWidth      = 8.3 // of a letter of a function's name
	detailWidth    = 6.4 // of one of the line below it, and of a trigger's
	labelWidth     = 6.7 // of one of a condition
	labelHeight    = 17
	longestLabel   = 36
	longestName    = 44
)

const style = `
    .ground { fill: #ffffff }
    .function { fill: #eef4ff; stroke: #3b6fd4 }
    .trigger { fill: #f3f4f6; stroke: #8a94a3 }
    .name { fill: #14213a; font: 600 14px system-ui, "Segoe UI", Helvetica, Arial, sans-serif }
    .detail { fill: #55627a; font: 11px system-ui, "Segoe UI", Helvetica, Arial, sans-serif }
    .edge { fill: none; stroke: #6b7789; stroke-width: 1.5 }
    .errors { stroke: #c2413b; stroke-dasharray: 5 4 }
    .tip { fill: #6b7789 }
    .errortip { fill: #c2413b }
    .plate { fill: #ffffff; fill-opacity: .92 }
    .label { fill: #344056; font: 11px ui-monospace, "SF Mono", Menlo, Consolas, monospace }
    @media (prefers-color-scheme: dark) {
      .ground, .plate { fill: #0e1420 }
      .function { fill: #172444; stroke: #6f9bf5 }
      .trigger { fill: #1c2431; stroke: #77839a }
      .name { fill: #e8eefb } .detail { fill: #a5b1c8 } .label { fill: #ccd6ea }
      .edge { stroke: #8a97ad } .tip { fill: #8a97ad }
      .errors { stroke: #ef7f78 } .errortip { fill: #ef7f78 }
    }`

// size gives a box the room that its text takes.
func (n *node) size() {
	if n.trigger {
		n.height = triggerHeight
		n.width = float64(length(n.name, longestName))*detailWidth + 26
		return
	}
	n.height = functionHeight
	n.width = max(float64(length(n.name, longestName))*nameWidth, float64(length(n.detail, longestName))*detailWidth) + 32
}

func distance(a, b *node) float64 { return (a.height+b.height)/2 + nodeGap }

// drawing is a layout with the horizontal places of its layers.
type drawing struct {
	*layout
	// left and right edges of each layer.
	left, right []float64
	// zones are how wide the labels right of each layer are: so far edges run
	// level there.
	zones  []float64
	labels []rectangle
	out    strings.Builder
}

type rectangle struct{ x, y, w, h float64 }

func (r rectangle) meets(o rectangle) bool {
	return r.x < o.x+o.w && o.x < r.x+r.w && r.y < o.y+o.h && o.y < r.y+r.h
}

// SVG draws the mesh. The picture stands alone, scales, and follows the
// reader's choice of light or dark.
func SVG(p *mesh.Plan) string {
	d := &drawing{layout: arrange(p)}
	d.columns()
	width, height := d.right[len(d.right)-1]+margin, d.bottom()+margin

	fmt.Fprintf(&d.out, `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f">`+"\n", width, height, width, height)
	fmt.Fprintf(&d.out, "  <title>%s</title>\n  <style>%s\n  </style>\n", escape(p.Name), style)
	d.out.WriteString(`  <defs>
    <marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0L10 5L0 10z"/></marker>
    <marker id="errortip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path class="errortip" d="M0 0L10 5L0 10z"/></marker>
  </defs>
`)
	fmt.Fprintf(&d.out, `  <rect class="ground" width="%.0f" height="%.0f"/>`+"\n", width, height)
	for _, e := range d.edges {
		d.place(e)
	}
	for _, e := range d.edges {
		d.edge(e)
	}
	for _, layer := range d.layers {
		for _, n := range layer {
			d.node(n)
		}
	}
	// Labels come last: an edge must not cross one out.
	for _, e := range d.edges {
		d.label(e)
	}
	d.out.WriteString("</svg>\n")
	return d.out.String()
}

// columns places the layers, with room between them for the labels there.
func (d *drawing) columns() {
	d.zones = make([]float64, len(d.layers))
	for _, e := range d.edges {
		if at := e.chain[0].layer; e.label != "" {
			d.zones[at] = max(d.zones[at], plateWidth(e.label)+tipLength)
		}
	}
	x := float64(margin)
	for i, layer := range d.layers {
		width := 0.0
		for _, n := range layer {
			width = max(width, n.width)
		}
		d.left = append(d.left, x)
		d.right = append(d.right, x+width)
		x += width + layerGap + d.zones[i]
	}
}

func plateWidth(label string) float64 {
	return float64(length(label, longestLabel))*labelWidth + 8
}

func (d *drawing) bottom() float64 {
	bottom := 0.0
	for _, layer := range d.layers {
		for _, n := range layer {
			bottom = max(bottom, n.y+n.height/2)
		}
	}
	return bottom + margin
}

// centre of a node: triggers stand at the right of their layer, next to what
// they call, functions in the middle.
func (d *drawing) centre(n *node) (x, y float64) {
	x = (d.left[n.layer] + d.right[n.layer]) / 2
	if n.trigger {
		x = d.right[n.layer] - n.width/2
	}
	return x, n.y + margin
}

// side gives where an edge meets a node, on its left or right. A bend has the
// width of its layer, so that the edge clears the boxes above and below.
func (d *drawing) side(e *edge, n *node, right bool) (x, y float64) {
	x, y = d.centre(n)
	y += e.shift
	half := n.width / 2
	if n.bend {
		half = (d.right[n.layer] - d.left[n.layer]) / 2
	}
	if right {
		return x + half, y
	}
	return x - half, y
}

// curve is one piece of an edge, from a layer to the next: level for the first
// and the last stretch, and bent between them.
type curve struct{ x1, y1, x2, y2, before, after float64 }

// at gives the point at t from 0 to 1 on the bent part (a cubic Bézier whose
// handles are level and reach halfway).
func (c curve) at(t float64) (x, y float64) {
	u := 1 - t
	b0, b1, b2, b3 := u*u*u, 3*u*u*t, 3*u*t*t, t*t*t
	from, to := c.x1+c.before, c.x2-c.after
	mid := (from + to) / 2
	return b0*from + (b1+b2)*mid + b3*to, (b0+b1)*c.y1 + (b2+b3)*c.y2
}

// path writes the piece in its direction, or turned.
func (c curve) path(turned bool) string {
	from, to := c.x1+c.before, c.x2-c.after
	mid := (from + to) / 2
	if turned {
		return fmt.Sprintf("%.1f %.1fH%.1fC%.1f %.1f %.1f %.1f %.1f %.1fH%.1f", c.x2, c.y2, to, mid, c.y2, mid, c.y1, from, c.y1, c.x1)
	}
	return fmt.Sprintf("%.1f %.1fH%.1fC%.1f %.1f %.1f %.1f %.1f %.1fH%.1f", c.x1, c.y1, from, mid, c.y1, mid, c.y2, to, c.y2, c.x2)
}

// piece gives the ith piece of an edge.
func (d *drawing) piece(e *edge, i int) curve {
	var c curve
	c.x1, c.y1 = d.side(e, e.chain[i], true)
	c.x2, c.y2 = d.side(e, e.chain[i+1], false)
	zone := d.zones[e.chain[i].layer]
	if early := earlyRun(e.chain[i], e.chain[i+1]); early && i > 0 || i == 0 && e.early {
		c.before = zone
	} else {
		c.after = zone
	}
	return c
}

// earlyRun says whether an edge is better level at its left: there fewer edges
// meet.
func earlyRun(left, right *node) bool { return len(left.right) < len(right.left) }

func (d *drawing) edge(e *edge) {
	pieces := make([]string, len(e.chain)-1)
	for i := range pieces {
		pieces[i] = d.piece(e, i).path(e.turned)
	}
	if e.turned {
		slices.Reverse(pieces)
	}
	class, tip := "edge", "tip"
	if e.errors {
		class, tip = "edge errors", "errortip"
	}
	fmt.Fprintf(&d.out, `  <path class="%s" marker-end="url(#%s)" d="M%s"/>`+"\n", class, tip, strings.Join(pieces, "L"))
}

// place chooses where an edge's label stands: on a level run at that end of
// the first piece where fewer edges meet, at the other end, or else somewhere
// on the bent part, wherever it covers no other label first.
func (d *drawing) place(e *edge) {
	left, right := e.chain[0], e.chain[1]
	early := earlyRun(left, right)
	e.early = early
	if e.label == "" {
		return
	}
	w := plateWidth(e.label)
	free := func(r rectangle) bool {
		return !slices.ContainsFunc(d.labels, r.meets)
	}
	plate := func(x, y float64) rectangle { return rectangle{x - w/2, y - labelHeight/2, w, labelHeight} }

	c := d.piece(e, 0)
	for _, e.early = range []bool{early, !early} {
		if e.early {
			e.plate = plate(c.x1+tipLength+w/2, c.y1)
		} else {
			e.plate = plate(c.x2-tipLength-w/2, c.y2)
		}
		if free(e.plate) {
			d.labels = append(d.labels, e.plate)
			return
		}
	}
	e.early = early
	for _, t := range []float64{.5, .42, .58, .34, .66, .26, .74} {
		x, y := c.at(t)
		if e.plate = plate(x, y); free(e.plate) {
			break
		}
	}
	d.labels = append(d.labels, e.plate)
}

func (d *drawing) label(e *edge) {
	if e.label == "" {
		return
	}
	r := e.plate
	fmt.Fprintf(&d.out, `  <g><title>%s</title><rect class="plate" x="%.1f" y="%.1f" width="%.1f" height="%d" rx="3"/>`, escape(e.label), r.x, r.y, r.w, labelHeight)
	d.text("label", r.x+r.w/2, r.y+12.5, shorten(e.label, longestLabel))
	d.out.WriteString("</g>\n")
}

func (d *drawing) node(n *node) {
	if n.bend {
		return
	}
	x, y := d.centre(n)
	class, radius := "function", 8.0
	if n.trigger {
		class, radius = "trigger", n.height/2
	}
	fmt.Fprintf(&d.out, `  <g><title>%s</title><rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%.0f"/>`,
		escape(n.name), class, x-n.width/2, y-n.height/2, n.width, n.height, radius)
	if n.trigger {
		d.text("detail", x, y+4, shorten(n.name, longestName))
	} else {
		d.text("name", x, y-2, shorten(n.name, longestName))
		d.text("detail", x, y+15, shorten(n.detail, longestName))
	}
	d.out.WriteString("</g>\n")
}

func (d *drawing) text(class string, x, y float64, s string) {
	fmt.Fprintf(&d.out, `<text class="%s" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, class, x, y, escape(s))
}

func length(s string, most int) int { return min(len([]rune(s)), most) }

func shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes every write
	return b.String()
}
