package graph

import (
	"cmp"
	"slices"
)

// close moves the parts of a drawing that no edge joins up to one another: each
// found its heights by itself, however far from the others.
func (g *layout) close() {
	part := make(map[*node]int)
	var tops []float64
	for _, layer := range g.layers {
		for _, n := range layer {
			if _, known := part[n]; !known {
				tops = append(tops, mark(n, len(tops), part))
			}
		}
	}
	order := make([]int, len(tops))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(tops[a], tops[b]) })
	for _, p := range order {
		room := g.room(p, part)
		for n, q := range part {
			if q == p {
				n.y -= room
			}
		}
	}
}

// mark notes of all nodes joined to n that they belong to a part, and returns
// where it begins.
func mark(n *node, p int, part map[*node]int) (top float64) {
	part[n] = p
	top = n.y - n.height/2
	for _, around := range [][]*node{n.left, n.right} {
		for _, o := range around {
			if _, known := part[o]; !known {
				top = min(top, mark(o, p, part))
			}
		}
	}
	return top
}

// room is how far up a part can move.
func (g *layout) room(p int, part map[*node]int) float64 {
	room := -1.0
	for _, layer := range g.layers {
		for i, n := range layer {
			var free float64
			switch {
			case part[n] != p || i > 0 && part[layer[i-1]] == p:
				continue
			case i == 0:
				free = n.y - n.height/2
			default:
				free = n.y - layer[i-1].y - distance(layer[i-1], n)
			}
			if room < 0 || free < room {
				room = max(free, 0)
			}
		}
	}
	return max(room, 0)
}
