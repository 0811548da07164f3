package graph

import (
	"cmp"
	"slices"

	"github.com/weftmesh/weft/mesh"
)

// The layout is that of Sugiyama, Tagawa and Toda (1981): turn edges so that
// there is no cycle, put nodes in layers from left to right, order each layer
// so that few edges cross, then choose heights.

// node is a box of the drawing, or a bend: where an edge passes a layer.
type node struct {
	name, detail  string
	trigger, bend bool
	width, height float64
	// layer from the left, and the centre's height.
	layer int
	y     float64
	// left and right hold the neighbours in the layers beside.
	left, right []*node
}

// edge is a link, or a trigger's call.
type edge struct {
	from, to *node
	label    string
	errors   bool
	// turned says that the edge runs from right to left: it closes a cycle.
	turned bool
	// chain is the way from left to right, bends included.
	chain []*node
	// shift sets apart edges between the same two nodes.
	shift float64
	// plate is where the label stands; early says that the edge's first
	// piece is level at its left, not at its right.
	plate rectangle
	early bool
}

type layout struct {
	layers [][]*node
	edges  []*edge
}

func arrange(p *mesh.Plan) *layout {
	g := &layout{}
	functions := make([]*node, len(p.Functions))
	for i, f := range p.Functions {
		functions[i] = &node{name: printable(f.Name), detail: replicas(f)}
		functions[i].size()
	}
	turned := backEdges(p)
	layers := layersOf(p, turned)
	depth := 0
	for i, n := range functions {
		n.layer = layers[i]
		depth = max(depth, n.layer)
	}
	g.layers = make([][]*node, depth+1)
	for i, n := range functions {
		for _, t := range p.Functions[i].Triggers {
			source := &node{name: printable(triggerLabel(t)), trigger: true, layer: n.layer - 1}
			source.size()
			g.add(source)
			g.edges = append(g.edges, &edge{from: source, to: n})
		}
		g.add(n)
	}
	for _, l := range p.Links {
		g.edges = append(g.edges, &edge{
			from: functions[l.From.Index], to: functions[l.To.Index], turned: turned[l],
			label: printable(condition(p, l)), errors: takesErrors(l),
		})
	}
	for _, e := range g.edges {
		g.chain(e)
	}
	g.shifts()
	g.order()
	g.heights()
	return g
}

func (g *layout) add(n *node) { g.layers[n.layer] = append(g.layers[n.layer], n) }

// backEdges finds links to turn so that no cycle is left: those that lead back
// to where a walk along the links, begun at the triggers, has come from.
func backEdges(p *mesh.Plan) map[*mesh.Link]bool {
	turned := make(map[*mesh.Link]bool)
	const (
		open = 1
		done = 2
	)
	state := make([]int, len(p.Functions))
	var walk func(f *mesh.Function)
	walk = func(f *mesh.Function) {
		state[f.Index] = open
		for _, l := range f.Out {
			switch state[l.To.Index] {
			case open:
				turned[l] = true
			case done:
			default:
				walk(l.To)
			}
		}
		state[f.Index] = done
	}
	for _, triggered := range []bool{true, false} {
		for _, f := range p.Functions {
			if state[f.Index] == 0 && (len(f.Triggers) > 0) == triggered {
				walk(f)
			}
		}
	}
	return turned
}

// layersOf puts each function right of all that lead to it. Where any has a
// trigger, all begin one layer further right, leaving the first to triggers.
func layersOf(p *mesh.Plan, turned map[*mesh.Link]bool) []int {
	layers := make([]int, len(p.Functions))
	if slices.ContainsFunc(p.Functions, func(f *mesh.Function) bool { return len(f.Triggers) > 0 }) {
		for i := range layers {
			layers[i] = 1
		}
	}
	waiting := make([]int, len(p.Functions))
	for _, l := range p.Links {
		_, to := ends(l, turned)
		waiting[to]++
	}
	var ready []int
	for i, n := range waiting {
		if n == 0 {
			ready = append(ready, i)
		}
	}
	for ; len(ready) > 0; ready = ready[1:] {
		f := p.Functions[ready[0]]
		for _, l := range slices.Concat(f.Out, f.In) {
			from, to := ends(l, turned)
			if from != f.Index {
				continue
			}
			layers[to] = max(layers[to], layers[from]+1)
			if waiting[to]--; waiting[to] == 0 {
				ready = append(ready, to)
			}
		}
	}
	return layers
}

// ends gives a link's functions from left to right.
func ends(l *mesh.Link, turned map[*mesh.Link]bool) (from, to int) {
	if turned[l] {
		return l.To.Index, l.From.Index
	}
	return l.From.Index, l.To.Index
}

// chain leads an edge through every layer between its ends.
func (g *layout) chain(e *edge) {
	left, right := e.from, e.to
	if e.turned {
		left, right = right, left
	}
	e.chain = []*node{left}
	for layer := left.layer + 1; layer < right.layer; layer++ {
		bend := &node{bend: true, layer: layer, height: bendHeight}
		g.add(bend)
		e.chain = append(e.chain, bend)
	}
	e.chain = append(e.chain, right)
	for i := 1; i < len(e.chain); i++ {
		a, b := e.chain[i-1], e.chain[i]
		a.right = append(a.right, b)
		b.left = append(b.left, a)
	}
}

// sweeps bounds how often the order of the layers is improved.
const sweeps = 12

// order sorts each layer by where its neighbours stand, forth and back, and
// keeps the order with the fewest crossings.
func (g *layout) order() {
	best, fewest := g.snapshot(), g.crossings()
	for i := range sweeps {
		if fewest == 0 {
			break
		}
		for j := range g.layers {
			layer, beside := j, j-1
			neighbours := func(n *node) []*node { return n.left }
			if i%2 == 1 {
				layer, beside = len(g.layers)-1-j, len(g.layers)-j
				neighbours = func(n *node) []*node { return n.right }
			}
			if beside < 0 || beside >= len(g.layers) {
				continue
			}
			at := positions(g.layers[beside])
			mean := make(map[*node]float64)
			for k, n := range g.layers[layer] {
				mean[n] = float64(k)
				if around := neighbours(n); len(around) > 0 {
					sum := 0
					for _, o := range around {
						sum += at[o]
					}
					mean[n] = float64(sum) / float64(len(around))
				}
			}
			slices.SortStableFunc(g.layers[layer], func(a, b *node) int { return cmp.Compare(mean[a], mean[b]) })
		}
		if c := g.crossings(); c < fewest {
			best, fewest = g.snapshot(), c
		}
	}
	g.layers = best
}

func (g *layout) snapshot() [][]*node {
	out := make([][]*node, len(g.layers))
	for i := range g.layers {
		out[i] = slices.Clone(g.layers[i])
	}
	return out
}

func positions(layer []*node) map[*node]int {
	at := make(map[*node]int, len(layer))
	for i, n := range layer {
		at[n] = i
	}
	return at
}

// crossings counts pairs of edge pieces that cross: inversions between each
// two layers.
func (g *layout) crossings() int {
	count := 0
	for i := 0; i+1 < len(g.layers); i++ {
		at := positions(g.layers[i+1])
		// seen[k] is the number of pieces so far that end at position k.
		seen := make([]int, len(g.layers[i+1]))
		for _, n := range g.layers[i] {
			for _, o := range n.right {
				for _, c := range seen[at[o]+1:] {
					count += c
				}
			}
			for _, o := range n.right {
				seen[at[o]]++
			}
		}
	}
	return count
}

// heights moves each node towards the mean of its neighbours, layer by layer,
// without changing the order or coming too close.
func (g *layout) heights() {
	for _, layer := range g.layers {
		y := 0.0
		for i, n := range layer {
			if i > 0 {
				y += distance(layer[i-1], n)
			}
			n.y = y
		}
	}
	for i := range 4 * sweeps {
		for j := range g.layers {
			layer := g.layers[j]
			if i%2 == 1 {
				layer = g.layers[len(g.layers)-1-j]
			}
			settle(layer)
		}
	}
	top := 0.0
	for _, layer := range g.layers {
		for _, n := range layer {
			top = min(top, n.y-n.height/2)
		}
	}
	for _, layer := range g.layers {
		for _, n := range layer {
			n.y -= top
		}
	}
	g.close()
}

// settle gives a layer the heights nearest to those wished for (least squares,
// by pooling neighbours that would come too close).
func settle(layer []*node) {
	type block struct {
		sum   float64
		count int
	}
	var blocks []block
	offset := make([]float64, len(layer))
	for i, n := range layer {
		if i > 0 {
			offset[i] = offset[i-1] + distance(layer[i-1], n)
		}
		wish, around := n.y, len(n.left)+len(n.right)
		if around > 0 {
			wish = 0
			for _, o := range n.left {
				wish += o.y
			}
			for _, o := range n.right {
				wish += o.y
			}
			wish /= float64(around)
		}
		blocks = append(blocks, block{wish - offset[i], 1})
		for len(blocks) > 1 {
			a, b := blocks[len(blocks)-2], blocks[len(blocks)-1]
			if a.sum/float64(a.count) <= b.sum/float64(b.count) {
				break
			}
			blocks = append(blocks[:len(blocks)-2], block{a.sum + b.sum, a.count + b.count})
		}
	}
	i := 0
	for _, b := range blocks {
		for range b.count {
			layer[i].y = b.sum/float64(b.count) + offset[i]
			i++
		}
	}
}

// shifts sets edges between the same two nodes apart, and makes those nodes
// high enough for it.
func (g *layout) shifts() {
	type pair struct{ left, right *node }
	groups := make(map[pair][]*edge)
	for _, e := range g.edges {
		k := pair{e.chain[0], e.chain[len(e.chain)-1]}
		groups[k] = append(groups[k], e)
	}
	for k, edges := range groups {
		for i, e := range edges {
			e.shift = (float64(i) - float64(len(edges)-1)/2) * edgeGap
		}
		for _, n := range []*node{k.left, k.right} {
			n.height = max(n.height, float64(len(edges))*edgeGap+8)
		}
	}
}
